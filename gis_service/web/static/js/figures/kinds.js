/** What the figures are, how one is read out of an answer, and how it is written. */

import { number, percent, t } from "../i18n.js";

export const RATES = ["patrol_first", "handled", "on_time", "rework"];
export const TIMES = ["verify", "dispatch", "accept", "resolve", "close", "report_in"];
export const FIGURES = ["count", ...RATES, ...TIMES];
export const GROUPS = ["street", "community", "grid", "unit", "squad", "class", "month", "week", "day"];
export const PERIODS = ["month", "week", "day"];

/**
 * @typedef {{n: number, of?: number, share?: number|null, median_s?: number|null,
 *   p90_s?: number|null}} Figure
 */

/** The number of a figure: a share, a median in seconds, a count; null where nothing was measured.
 * @param {any} item @param {string} name @returns {number|null} */
export function value(item, name) {
  if (name === "count") return item.count;
  return RATES.includes(name) ? item[name].share : item[name].median_s;
}

/** How many it rests on. @param {any} item @param {string} name @returns {number} */
export function rests(item, name) {
  if (name === "count") return item.count;
  return RATES.includes(name) ? item[name].of : item[name].n;
}

/** @param {number} seconds in the unit that fits */
export function span(seconds) {
  if (seconds < 5400) return t("figures.minutes", { n: number(seconds / 60) });
  if (seconds < 172800) return t("figures.hours", { n: number(seconds / 3600, 1) });
  return t("figures.days", { n: number(seconds / 86400, 1) });
}

/** @param {number|null} number_ @param {string} name */
export function written(number_, name) {
  if (number_ === null) return "—";
  if (name === "count") return number(number_);
  return RATES.includes(name) ? percent(number_) : span(number_);
}

/** What a figure rests on, in words. @param {any} item @param {string} name */
export function basis(item, name) {
  const figure = item[name];
  if (RATES.includes(name)) return `${number(figure.n)} / ${number(figure.of)}`;
  const high = figure.p90_s === null ? "" : `${t("figures.p90", { span: span(figure.p90_s) })} · `;
  return `${high}n=${number(figure.n)}`;
}

/** @param {any} item @param {string} group the name of a group @param {(day: string) => string} show */
export function label(item, group, show) {
  if (PERIODS.includes(group)) return group === "month" ? item[group].slice(0, 7) : show(item[group]);
  return item[group]?.name ?? t("figures.none");
}
