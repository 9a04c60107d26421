/** What the pages of communities share: words, hours, shares with their intervals. */

import { getJSON } from "../api.js";
import { app } from "../app.js";
import { byId, h } from "../dom.js";
import { language, number, percent, pick, setLanguage, setTimezone, t } from "../i18n.js";

/** @type {Record<string, {code: string, name: string, name_en: string, part: string}[]>} */
export const words = {};

/** Loads what every page begins with. */
export async function begin() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  const [district, lists] = await Promise.all([getJSON("/api/district"), getJSON("/api/community-words")]);
  app.district = district;
  Object.assign(words, lists);
  setTimezone(district.timezone);
  byId("illustrative").hidden = !district.illustrative;
}

/** @param {string} [text] beside the title of the page */
export const showDistrict = (text = "") => { byId("district").textContent = text || pick(app.district.title); };

/** @param {{code: string, name?: string, name_en?: string}|null|undefined} named */
export const nameOf = (named) => (!named ? "" : (language() === "en" && named.name_en) || named.name || named.code);

/** @param {{code: string}} one @returns {[string, string]} an option of a select */
export const option = (one) => [one.code, nameOf(one)];

/**
 * Opening times as people write them.
 * @param {{weekdays: number[], from: string, to: string}[]} opening
 */
export function hours(opening) {
  /** @type {Map<string, {days: number[], spans: string[]}>} */
  const found = new Map();
  for (const one of opening) {
    const days = [...one.weekdays].sort();
    const entry = found.get(days.join()) ?? { days, spans: [] };
    entry.spans.push(`${one.from.slice(0, 5)}–${one.to.slice(0, 5)}`);
    found.set(days.join(), entry);
  }
  return [...found.values()].map(({ days, spans }) => `${weekdays(days)} ${spans.join(t("com.and"))}`);
}

/** @param {number[]} days ISO, in order */
function weekdays(days) {
  /** @type {[number, number][]} */
  const runs = [];
  for (const day of days) {
    const last = runs.at(-1);
    if (last && day === last[1] + 1) last[1] = day;
    else runs.push([day, day]);
  }
  return runs.map(([low, high]) => (low === high ? t(`com.day.${low}`) : t("com.days", { from: t(`com.day.${low}`), to: t(`com.day.${high}`) }))).join(t("com.and"));
}

/**
 * A share with its interval and sample; too few answers are said, not drawn as zero.
 * @param {{answers: number, minimum: number, share: {value: number, low: number, high: number}|null}|null} told
 */
export function shareText(told) {
  if (!told) return { main: "—", small: t("com.notAsked") };
  if (!told.share) return { main: t("com.tooFew"), small: t("com.tooFewOf", { n: told.answers, minimum: told.minimum }) };
  const { value, low, high } = told.share;
  return { main: percent(value), small: t("com.interval", { low: percent(low), high: percent(high), n: told.answers }) };
}

/** @param {string} label @param {string} main @param {string} [small] */
export const card = (label, main, small = "") => h("div", { class: "card" }, h("span", { text: label }), h("b", { text: main }), h("small", { text: small }));

/** @param {number|null|undefined} value what nobody counted is a dash */
export const counted = (value) => (value === null || value === undefined ? "—" : number(value));
