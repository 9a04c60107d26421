/** Two periods: what became of every grid, as a list, on the map, and on paper. */

import { getJSON, isAbort, latest } from "../api.js";
import { app } from "../app.js";
import { byId, fill, h } from "../dom.js";
import { addDays, date, daysBetween, monthDay, number, percent, pick, showDay, t } from "../i18n.js";
import { complain } from "../messages.js";
import { paint } from "./ground.js";
import { plan, query } from "./plan.js";

const ORDER = ["new_gap", "worse", "same_gap", "better", "cured", "kept", "unknown"];
/** @type {Record<string, string>} */
const LOOK = { new_gap: "never_visited", worse: "overdue", same_gap: "expired", better: "due", cured: "cured", kept: "on_time", unknown: "no_track" };
const ROWS = 32; // what fits on a page below the map
const signal = latest();

/** @type {any} */
let found = null;
let only = "";
/** @type {{from: string, to: string}|null} the earlier period as chosen; null: just before */
let chosen = null;
/** @type {(code: string) => void} */
let choose = () => {};

/** @param {(code: string) => void} open what a click on a row does */
export const compareView = (open) => {
  choose = open;
  return { id: "compare", open: () => void load(), close: () => { signal(); } };
};

/** @returns {{from: string, to: string}} days, `to` the last */
function before() {
  if (chosen) return chosen;
  const { from, to } = plan.asked;
  const days = daysBetween(from, to) + 1;
  return { from: addDays(from, -days), to: addDays(from, -1) };
}

async function load() {
  const one = signal();
  const { from, to } = before();
  const panel = byId("view-compare");
  if (!found) fill(panel, h("p", { class: "note", text: t("coverage.loading") }));
  try {
    found = await getJSON("/api/coverage/compare", { ...query(), before_from: from, before_to: addDays(to, 1) }, { signal: one });
    draw();
  } catch (error) {
    if (!isAbort(error)) complain(t("coverage.view.compare"), error, () => void load());
  }
}

/** The last seven days beside the seven before. */
function lastWeek() {
  chosen = null;
  byId("from").value = addDays(plan.asked.to, -6);
  byId("from").dispatchEvent(new Event("change"));
}

/** @param {string} change */
const badge = (change) => h("span", { class: `state-mark state-${LOOK[change]}`, "aria-hidden": "true", text: t(`coverage.changeLetter.${change}`) });

/** @param {any} one of the two periods */
const standing = (one) => [t(`coverage.state.${one.state}`), one.overdue_days ? t("coverage.days", { n: number(one.overdue_days) }) : ""].filter(Boolean).join(" ");

/** @param {any} period @returns {string} gaps among the grids something can be said of */
const share = ({ gaps, told }) => (told ? `${number(gaps)} / ${number(told)} (${percent(gaps / told)})` : "—");

function draw() {
  const { from, to } = before();
  const day = (/** @type {string} */ name, /** @type {string} */ value) => h("input", {
    class: "field", type: "date", name, value, required: true, max: plan.asked.to, "aria-label": t(`coverage.compare.${name}`),
    on: { change: (/** @type {any} */ event) => {
      if (!event.target.value) return;
      const now = { ...before(), [name]: event.target.value };
      if (now.from > now.to) Object.assign(now, name === "from" ? { to: now.from } : { from: now.to });
      chosen = now;
      void load();
    } },
  });
  const { now, then, counts } = found;
  fill(byId("view-compare"),
    h("div", { class: "view-head" },
      h("div", { class: "periods" }, h("b", { text: t("coverage.compare.then") }), day("from", from), "–", day("to", to),
        h("button", { type: "button", class: "quiet", text: t("coverage.compare.week"), on: { click: lastWeek } }),
        h("button", { type: "button", class: "quiet", id: "compare-print", text: t("coverage.compare.print"), on: { click: () => void print() } }),
        chosen && h("button", { type: "button", class: "quiet", text: t("coverage.compare.justBefore"), on: { click: () => { chosen = null; void load(); } } })),
      h("table", { class: "sums" },
        h("thead", {}, h("tr", {}, h("td"), h("th", { scope: "col", text: t("coverage.compare.then") }), h("th", { scope: "col", text: t("coverage.compare.now") }))),
        h("tbody", {},
          line(t("coverage.window.head"), then, now, (one) => `${monthDay(one.from)} – ${monthDay(new Date(Date.parse(one.to) - 1))}`),
          line(t("coverage.gapsOfTold"), then, now, share),
          line(t("coverage.state.no_track"), then, now, (one) => `${number(one.counts.no_track)} / ${number(one.grids)}`),
          line(t("coverage.visitsPerDay"), then, now, (one) => number(one.visits / one.days, 1)))),
      h("ul", { class: "states" }, ORDER.map((change) => h("li", {}, h("button", {
        type: "button", class: "state-button", "aria-pressed": String(only === change), title: t(`coverage.changeMeans.${change}`), data: { change },
        on: { click: () => { only = only === change ? "" : change; draw(); } },
      }, badge(change), h("span", { text: t(`coverage.change.${change}`) }), h("b", { text: number(counts[change]) }))))),
      h("p", { class: "note", id: "compare-summary", text: t("coverage.compare.summary", { n: number(found.comparable), grids: number(found.grids) }) })),
    h("ol", { class: "gaps" }, wanted().map(row)));
  paint(new Map(found.items.filter((/** @type {any} */ item) => !only || item.change === only)
    .map((/** @type {any} */ item) => [item.grid.code, { look: LOOK[item.change], letter: t(`coverage.changeLetter.${item.change}`) }])));
}

const wanted = () => found.items.filter((/** @type {any} */ item) => (only ? item.change === only : item.change !== "kept" && item.change !== "unknown"));

/** @param {string} name @param {any} then @param {any} now @param {(one: any) => string} of */
const line = (name, then, now, of) => h("tr", {}, h("th", { scope: "row", text: name }), h("td", { text: of(then) }), h("td", { text: of(now) }));

/** @param {any} item */
function row(item) {
  return h("li", {}, h("button", { type: "button", class: "gap", data: { grid: item.grid.code, change: item.change }, on: { click: () => choose(item.grid.code) } },
    badge(item.change),
    h("span", { class: "gap-main" },
      h("b", { text: item.grid.name || item.grid.code }),
      h("span", { text: t("coverage.compare.changed", { change: t(`coverage.change.${item.change}`), then: standing(item.then), now: standing(item.now) }) }),
      h("span", { class: "note", text: [item.now.officer_name, item.now.last_visit_at && t("coverage.lastVisit", { when: date(item.now.last_visit_at) })].filter(Boolean).join(" · ") }))));
}

async function print() {
  const rows = wanted();
  const { from, to } = before();
  const picture = app.main ? app.main.picture() : null;
  const head = ["grid", "change", "then", "now", "officer"];
  fill(byId("print-sheet"), h("article", { class: "squad-sheet" },
    h("header", {}, h("h1", { text: t("coverage.compare.title") }),
      h("span", { text: `${showDay(from)} – ${showDay(to)} → ${showDay(plan.asked.from)} – ${showDay(plan.asked.to)}` }),
      app.district.illustrative && h("span", { class: "badge", text: t("badge.illustrative") })),
    h("div", { class: "squad-top" }, picture && h("img", { src: picture, alt: t("coverage.mapLabel") }),
      h("table", {}, h("tbody", {}, ORDER.map((change) => h("tr", {}, h("td", {}, badge(change)),
        h("th", { scope: "row", text: t(`coverage.change.${change}`) }), h("td", { text: number(found.counts[change]) })))))),
    h("p", { text: `${t("coverage.gapsOfTold")} ${share(found.then)} → ${share(found.now)}. ${t("coverage.compare.summary", { n: number(found.comparable), grids: number(found.grids) })}` }),
    h("table", { class: "squad-gaps" },
      h("thead", {}, h("tr", {}, head.map((name) => h("th", { scope: "col", text: t(`coverage.compare.head.${name}`) })))),
      h("tbody", {}, rows.slice(0, ROWS).map((/** @type {any} */ item) => h("tr", {},
        h("td", { text: item.grid.name || item.grid.code }), h("td", {}, badge(item.change), ` ${t(`coverage.change.${item.change}`)}`),
        h("td", { text: standing(item.then) }), h("td", { text: standing(item.now) }), h("td", { text: item.now.officer_name ?? "—" }))))),
    rows.length > ROWS && h("p", { text: t("coverage.moreRows", { n: number(rows.length - ROWS) }) }),
    h("footer", { text: [pick(app.district.title), app.district.map_approval_number && t("footer.approval", { number: app.district.map_approval_number })].filter(Boolean).join(" · ") })));
  await Promise.allSettled([...byId("print-sheet").querySelectorAll("img")].map((image) => image.decode()));
  window.print();
}

