/** The same coverage summed up, and when in the week visits begin. */

import { getJSON, isAbort, latest } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { language, number, percent, t } from "../i18n.js";
import { complain } from "../messages.js";
import { weekday } from "./editor.js";
import { plan, query } from "./plan.js";

const LEVELS = ["squad", "officer", "street", "community"];
const signal = latest();
let level = "squad";

export const sumsView = () => ({ id: "sums", open: () => void load(), close: () => { signal(); } });

async function load() {
  const one = signal();
  try {
    const [groups, week] = await Promise.all([
      getJSON("/api/coverage", { ...query(), level }, { signal: one }), getJSON("/api/coverage/rhythm", query(), { signal: one }),
    ]);
    fill(byId("view-sums"),
      h("label", { class: "control" }, h("span", { text: t("coverage.by") }), h("select", { class: "field", id: "sums-level", on: { change: (/** @type {any} */ event) => { level = event.target.value; void load(); } } },
        LEVELS.map((name) => h("option", { value: name, text: t(`coverage.level.${name}`), selected: name === level })))),
      table(groups.items), h("p", { class: "note", text: t("coverage.sums.note") }),
      h("h3", { text: t("coverage.rhythm.title") }), rhythm(week));
  } catch (error) {
    if (!isAbort(error)) complain(t("coverage.view.sums"), error, () => void load());
  }
}

/** @param {{code: string, name: string}|null} place */
function name(place) {
  if (!place) return t("coverage.nobody");
  const squad = level === "squad" && language() === "en" && plan.squads.find((one) => one.code === place.code);
  return squad ? squad.name_en : place.name;
}

/** @param {any[]} items */
function table(items) {
  const rows = items.map((item) => ({ ...item, part: item.told ? item.gaps / item.told : null })).sort((a, b) => (b.part ?? -1) - (a.part ?? -1));
  return h("table", { class: "sums wide", id: "sums" },
    h("thead", {}, h("tr", {}, ["name", "gaps", "noTrack", "visits"].map((name) => h("th", { scope: "col", text: t(`coverage.sums.${name}`) })))),
    h("tbody", {}, rows.map((row) => h("tr", {},
      h("th", { scope: "row", text: name(row[level]) }),
      h("td", {}, row.part === null ? "—" : h("b", { text: percent(row.part) }), row.told ? ` ${number(row.gaps)} / ${number(row.told)}` : ""),
      h("td", { text: `${number(row.counts.no_track)} / ${number(row.grids)}` }),
      h("td", { text: number(row.visits) })))));
}

/** Visits by weekday and hour; the number stands in its cell, the shade only helps. @param {any} week */
function rhythm(week) {
  if (!week.total) return h("p", { class: "note", text: t("coverage.noVisits") });
  const hours = [...Array(24).keys()].filter((hour) => week.visits.some((/** @type {number[]} */ day) => day[hour]));
  const [first, last] = [Math.min(...hours), Math.max(...hours)];
  const shown = [...Array(last - first + 1).keys()].map((at) => at + first);
  const most = Math.max(...week.visits.flat());
  return [
    h("p", { class: "note", text: t("coverage.rhythm.note", { n: number(week.total), officers: number(week.officers) }) }),
    h("div", { class: "across" }, h("table", { class: "week", id: "rhythm" },
      h("thead", {}, h("tr", {}, h("td"), shown.map((hour) => h("th", { scope: "col", text: String(hour) })), h("th", { scope: "col", text: t("coverage.rhythm.days") }))),
      h("tbody", {}, week.visits.map((/** @type {number[]} */ day, /** @type {number} */ at) => h("tr", {},
        h("th", { scope: "row", text: weekday(at + 1, "short") }),
        shown.map((hour) => h("td", {
          class: day[hour] > most / 2 ? "dark" : "", css: { "--part": `${Math.round(100 * day[hour] / most)}%` },
          title: t("coverage.rhythm.cell", { n: number(day[hour]), minutes: number(week.minutes[at][hour]) }), text: day[hour] ? number(day[hour]) : "",
        })),
        h("td", { class: "days", text: `${number(week.tracked[at])} / ${number(week.days[at])}` })))))),
  ];
}
