/** The working calendar of a year: days off, working days at weekends, the hours in force. */

import { getJSON, send } from "../api.js";
import { byId, fill, h, icon } from "../dom.js";
import { addDays, isoDay, language, showDay, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { form } from "./dialog.js";
import { daysOf, mondayOf, weekday } from "./week.js";

/**
 * @typedef {{valid_from: string|null, periods: [string, string][], note: string}} Hours
 * @typedef {{year: number, known: boolean, known_years: number[], days: {day: string, kind: string, note: string, source: string}[], hours: Hours[]}} Year
 */

const STEPS = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 });
/** @type {Year} */
let year;

/** @param {HTMLElement} view */
export async function openCalendar(view) {
  if (!view.firstChild) {
    const step = (/** @type {string} */ id, /** @type {string} */ words, /** @type {number} */ by, /** @type {string} */ picture) => h("button", {
      type: "button", class: "button", id, title: words, "aria-label": words, on: { click: () => void go(year.year + by) },
    }, icon(picture));
    fill(view,
      h("div", { class: "duty-tools" },
        step("year-before", t("duty.year.before"), -1, "chevron-left"), h("h2", { id: "year", "aria-live": "polite" }), step("year-after", t("duty.year.after"), 1, "chevron-right"),
        h("ul", { class: "legend-days" }, ["off", "working", "rest"].map((kind) => h("li", {}, h("span", { class: `day ${kind}` }, kind === "rest" ? "" : t(`duty.day.letter.${kind}`)), t(`duty.day.${kind}`))))),
      h("div", { id: "year-unknown", class: "gaps some", hidden: true }),
      h("p", { class: "note", text: t("duty.calendar.note") }),
      h("p", { class: "day-words", id: "day-words", text: t("duty.day.look") }),
      h("div", { class: "months", id: "months", on: { keydown: move, focusin: look, mouseover: look } }),
      h("section", { class: "chart", id: "hours" }));
  }
  await load(year?.year);
}

/** @param {number} wanted */
const go = (wanted) => load(wanted).catch((error) => complain(t("duty.tab.calendar"), error, () => void go(wanted)));

/** @param {number} [wanted] the current one if absent */
async function load(wanted) {
  show(await getJSON("/api/calendar", { year: wanted }));
}

/** @param {Year} now */
function show(now) {
  year = now;
  byId("year").textContent = t("duty.year", { year: String(year.year) });
  byId("year-unknown").hidden = year.known;
  fill(byId("year-unknown"), h("p", { text: t("duty.year.unknown", { year: String(year.year) }) }));
  const today = isoDay(new Date());
  const stop = today.startsWith(`${year.year}-`) ? today : `${year.year}-01-01`;
  fill(byId("months"), Array.from({ length: 12 }, (_, n) => month(`${year.year}-${String(n + 1).padStart(2, "0")}`, stop)));
  drawHours();
}

/** @param {string} month YYYY-MM @param {string} stop the one day that the tab key reaches */
function month(month, stop) {
  const first = `${month}-01`;
  const weeks = [];
  for (let monday = mondayOf(first); monday.slice(0, 7) <= month; monday = addDays(monday, 7)) weeks.push(daysOf(monday));
  const name = new Intl.DateTimeFormat(language() === "zh" ? "zh-CN" : "en-GB", { month: "long", timeZone: "UTC" }).format(new Date(`${first}T00:00:00Z`));
  return h("table", { class: "month" }, h("caption", { text: name }),
    h("thead", {}, h("tr", {}, weeks[0].map((day) => h("th", { scope: "col", text: new Intl.DateTimeFormat(language() === "zh" ? "zh-CN" : "en-GB", { weekday: "narrow", timeZone: "UTC" }).format(new Date(`${day}T00:00:00Z`)) })))),
    h("tbody", {}, weeks.map((week) => h("tr", {}, week.map((day) => h("td", {}, day.startsWith(month) && dayButton(day, stop)))))));
}

const rowOf = (/** @type {string} */ day) => year.days.find((one) => one.day === day);
/** What the weekday says. @param {string} day */
const byRule = (day) => (daysOf(mondayOf(day)).indexOf(day) > 4 ? "rest" : "plain");

/** @param {string} day @param {string} stop */
function dayButton(day, stop) {
  const kind = rowOf(day)?.kind ?? byRule(day);
  const letter = ["off", "working"].includes(kind) && h("small", { text: t(`duty.day.letter.${kind}`) });
  return h("button", {
    type: "button", class: `day ${kind}${day === isoDay(new Date()) ? " today" : ""}`, "aria-label": dayWords(day), data: { calendar: day, focus: `day-${day}` },
    tabIndex: day === stop ? 0 : -1, on: { click: () => editDay(day) },
  }, String(Number(day.slice(8))), letter);
}

/** A day in words. @param {string} day */
function dayWords(day) {
  const row = rowOf(day);
  return [`${showDay(day)} ${weekday(day, "long")}`, t(`duty.day.${row?.kind ?? byRule(day)}`), row?.note].filter(Boolean).join(t("duty.comma"));
}

/** Says what the day under the pointer, or in focus, is. @param {Event} event */
function look(event) {
  const day = /** @type {HTMLElement} */ (event.target).closest?.("[data-calendar]");
  if (day) byId("day-words").textContent = day.getAttribute("aria-label");
}

/** @param {KeyboardEvent} event */
function move(event) {
  const here = /** @type {HTMLElement} */ (event.target).dataset.calendar;
  const step = STEPS[event.key];
  if (!here || !step) return;
  event.preventDefault();
  const there = /** @type {HTMLElement|null} */ (byId("months").querySelector(`[data-calendar="${addDays(here, step)}"]`));
  if (!there) return;
  /** @type {HTMLElement} */ (event.target).tabIndex = -1;
  there.tabIndex = 0;
  there.focus();
}

/** @param {any} body @param {string} words */
async function put(body, words) {
  show(await send("PUT", `/api/calendar?year=${year.year}`, body));
  say(words, { seconds: 6 });
}

/** @param {string} day */
function editDay(day) {
  const row = rowOf(day);
  form(t("duty.day.change", { day: showDay(day) }), [
    { name: "kind", label: t("duty.day.kind"), kind: "select", wide: true, options: [["off", t("duty.day.off")], ["working", t("duty.day.working")], ["", t("duty.day.rule")]] },
    { name: "last", label: t("duty.day.last"), kind: "date", required: true },
    { name: "note", label: t("duty.day.note"), most: 200, hint: t("duty.day.noteHint") },
  ], { kind: row ? row.kind : byRule(day) === "rest" ? "working" : "off", last: day, note: row?.note ?? "" }, async ({ kind, last, note }) => {
    const days = [];
    for (let one = day; one <= last && days.length <= 366; one = addDays(one, 1)) days.push({ day: one, kind, note: kind ? note : "" });
    if (!days.length || days.length > 366) throw Object.assign(new Error(t("duty.day.lastWrong")), { where: "last" });
    await put({ days }, t("duty.day.saved", { n: days.length }));
  });
}

/** @param {Hours} one */
const periodsText = (one) => one.periods.map((pair) => pair.join("–")).join(t("duty.hours.and"));

function drawHours() {
  const today = isoDay(new Date());
  const inForce = year.hours.findLast((one) => (one.valid_from ?? "") <= today);
  fill(byId("hours"),
    h("div", { class: "duty-tools" }, h("h3", { text: t("duty.hours") }), h("span", { class: "room" }),
      h("button", { type: "button", class: "button", id: "add-hours", data: { focus: "add-hours" }, on: { click: addHours } }, icon("plus"), t("duty.hours.add"))),
    h("ul", { class: "hours" }, year.hours.map((one) => h("li", {},
      h("b", { text: periodsText(one) }),
      h("span", { text: one.valid_from ? t("duty.hours.since", { day: showDay(one.valid_from) }) : t("duty.hours.default") }),
      one.note && h("small", { text: one.note }),
      one === inForce && h("span", { class: "tag away", text: t("duty.hours.inForce") }),
      one.valid_from && h("button", { type: "button", class: "button small-button", text: t("duty.hours.remove"), data: { focus: `hours-${one.valid_from}` }, on: { click: () => void removeHours(one) } })))));
}

function addHours() {
  form(t("duty.hours.add"), [
    { name: "valid_from", label: t("duty.hours.valid_from"), kind: "date", required: true },
    { name: "periods", label: t("duty.hours.periods"), required: true, hint: t("duty.hours.periodsHint"), wide: true },
    { name: "note", label: t("duty.day.note"), most: 200, wide: true },
  ], { valid_from: "", periods: "" }, async ({ valid_from, periods, note }) => {
    const pairs = periods.split(/[;；,，、]/).map((/** @type {string} */ one) => one.trim()).filter(Boolean)
      .map((/** @type {string} */ one) => one.replaceAll("：", ":").split(/\s*[-–—~～至]\s*/));
    if (!pairs.length || pairs.some((/** @type {string[]} */ pair) => pair.length !== 2)) throw Object.assign(new Error(t("duty.hours.wrong")), { where: "periods" });
    await put({ hours: [{ valid_from, periods: pairs, note }] }, t("duty.hours.saved"));
  });
}

/** @param {Hours} one */
async function removeHours(one) {
  if (!window.confirm(t("duty.hours.removeAsk", { day: showDay(/** @type {string} */ (one.valid_from)) }))) return;
  try {
    await put({ hours: [{ valid_from: one.valid_from, periods: null }] }, t("duty.hours.saved"));
    byId("add-hours").focus();
  } catch (error) {
    complain(t("duty.hours.remove"), error);
  }
}
