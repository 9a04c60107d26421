/** The roster of a week: who is on duty where, by street and squad, and when nobody is. */

import { may } from "../account.js";
import { address, getJSON, isAbort, latest, send } from "../api.js";
import { byId, fill, h, icon } from "../dom.js";
import { onTake } from "../exports/taking.js";
import { addDays, isoDay, language, listed, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { form } from "./dialog.js";
import { district, isOwn, keepAddress, nameOf, ownStreets, staff } from "./people.js";
import { clock, dayOfMonth, daysOf, gapsOf, instant, local, mondayOf, standsOn, weekday } from "./week.js";

/** @typedef {import("./week.js").Shift} Shift */

const PAGE = 1000;
const MOST_GAPS = 8;
const EVERY_MS = 60000;
const next = latest();
const asked = { week: "", street: "" };
/** @type {Shift[]} */
let shifts = [];
let thisWeek = "";

/** @param {HTMLElement} view */
export async function openRoster(view) {
  if (!view.firstChild) {
    const given = new URLSearchParams(location.search);
    const day = given.get("week") ?? "";
    asked.week = mondayOf(Number.isNaN(Date.parse(day)) || !/^\d{4}-\d\d-\d\d$/.test(day) ? isoDay(new Date()) : day);
    asked.street = given.get("street") ?? "";
    thisWeek = mondayOf(isoDay(new Date()));
    frame(view);
    setInterval(tick, EVERY_MS);
  }
  await load();
}

/** On a wall the page stays open: who is on duty now changes, and so does the week. */
function tick() {
  if (document.hidden || byId("view-roster").hidden || byId("dialog").open) return;
  const now = mondayOf(isoDay(new Date()));
  if (asked.week === thisWeek) asked.week = now;
  thisWeek = now;
  // whatever keeps it away, the next minute tries again
  void load().catch(() => undefined);
}

/** @param {HTMLElement} view */
function frame(view) {
  const step = (/** @type {string} */ id, /** @type {string} */ words, /** @type {() => string} */ to, /** @type {Node|false} */ picture = false) => h("button", {
    type: "button", class: "button", id, title: words, "aria-label": words, on: { click: () => void go(to()) },
  }, picture || words);
  fill(view,
    h("div", { class: "duty-tools" },
      step("week-before", t("duty.week.before"), () => addDays(asked.week, -7), icon("chevron-left")),
      step("week-now", t("duty.week.now"), () => mondayOf(isoDay(new Date()))),
      step("week-after", t("duty.week.after"), () => addDays(asked.week, 7), icon("chevron-right")),
      h("label", {}, t("duty.week.of"), h("input", { class: "field", type: "date", id: "week", on: { change: (/** @type {any} */ event) => { if (event.target.value) void go(mondayOf(event.target.value)); } } })),
      h("label", {}, t("duty.street"), h("select", { class: "field", id: "street", on: { change: (/** @type {any} */ event) => { asked.street = event.target.value; void reload(); } } },
        h("option", { value: "", text: t("duty.allStreets") }),
        ownStreets().map((one) => h("option", { value: one.code, text: one.name, selected: one.code === asked.street })))),
      h("span", { class: "room" }),
      may("roster.manage") && h("button", { type: "button", class: "button primary", id: "add-shift", data: { focus: "add-shift" }, on: { click: () => edit(null) } }, icon("plus"), t("duty.shift.add")),
      may("roster.manage") && h("button", { type: "button", class: "button", id: "copy-week", text: t("duty.copy"), on: { click: () => void copyWeek() } }),
      h("button", { type: "button", class: "button", on: { click: () => window.print() } }, icon("print"), t("duty.print")),
      h("a", { class: "button", id: "export", download: "", on: { click: onTake } }, icon("download"), t("duty.excel"))),
    h("h2", { id: "week-title", "aria-live": "polite" }),
    h("section", { class: "gaps", id: "gaps", "aria-label": t("duty.gaps") }),
    h("div", { class: "scroll", id: "roster-scroll", tabIndex: 0, role: "region", "aria-labelledby": "week-title" }, h("table", { class: "roster", id: "roster" })),
    may("contract.manage") && h("p", { class: "note" }, t("duty.byExcel"), " ", h("a", { href: "/tables#roster", text: t("tables.title") })));
}

/** @param {string} monday */
async function go(monday) {
  asked.week = monday;
  await reload();
}

const reload = () => load().catch((error) => complain(t("duty.tab.roster"), error, () => void reload()));

async function load() {
  keepAddress(asked);
  byId("week").value = asked.week;
  try {
    shifts = await everyShift(asked.week, asked.street, next());
    draw();
  } catch (error) {
    if (!isAbort(error)) throw error;
  }
}

/** All shifts of a week, page after page. @param {string} monday @param {string} street @param {AbortSignal} [signal] */
async function everyShift(monday, street, signal) {
  /** @type {Shift[]} */
  const all = [];
  let cursor = null;
  do {
    /** @type {any} */
    const page = await getJSON("/api/roster", { from: monday, to: addDays(monday, 7), street, limit: PAGE, cursor }, { signal });
    all.push(...page.items);
    cursor = page.next;
  } while (cursor);
  return all;
}

function draw() {
  const days = daysOf(asked.week);
  const now = Date.now();
  const today = isoDay(new Date());
  const title = t("duty.week.title", { from: dayOfMonth(days[0]), to: dayOfMonth(days[6]), year: days[0].slice(0, 4) });
  byId("week-title").textContent = title;
  byId("export").setAttribute("href", address("/api/exports/roster.xlsx", { from: asked.week, to: addDays(asked.week, 7), street: asked.street, lang: language() }));
  if (byId("copy-week")) byId("copy-week").disabled = !own().length;
  /** @type {Map<string, Shift[]>} */
  const posts = new Map();
  for (const shift of shifts) {
    const key = [shift.street ?? "", shift.squad ?? "", shift.unit ?? ""].join("\n");
    posts.set(key, [...(posts.get(key) ?? []), shift]);
  }
  fill(byId("roster"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col", text: t("duty.post") }),
      days.map((day) => h("th", { scope: "col", class: day === today ? "today" : null }, weekday(day), h("small", { text: dayOfMonth(day) }), day === today && h("small", { class: "mark", text: t("duty.today") }))))),
    h("tbody", {}, [...posts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, of]) => {
      const [street, squad, unit] = key.split("\n");
      const also = [nameOf("squads", squad || null), nameOf("units", unit || null)].filter(Boolean).join(" · ");
      return h("tr", {}, h("th", { scope: "row" }, street ? nameOf("streets", street) : t("duty.district"), also && h("small", { text: also })),
        days.map((day) => {
          const here = of.filter((shift) => standsOn(shift, day, asked.week));
          return h("td", { class: [day === today && "today", !here.length && "empty"].filter(Boolean).join(" ") || null, data: { day: `${weekday(day)} ${dayOfMonth(day)}` } },
            here.map((shift) => chip(shift, day, now)));
        }));
    }), !posts.size && h("tr", {}, h("td", { class: "none", colSpan: 8, text: t(may("roster.manage") ? "duty.noneYet" : "duty.none") }))));
  drawGaps();
}

/** When a shift runs, as told on a day. @param {Shift} shift @param {string} day */
function span(shift, day) {
  const [first, last] = [isoDay(shift.starts_at), isoDay(new Date(Date.parse(shift.ends_at) - 1))];
  const ends = clock(shift.ends_at) === "00:00" ? "24:00" : clock(shift.ends_at);
  const start = first === day ? clock(shift.starts_at) : `${dayOfMonth(first)} ${clock(shift.starts_at)}`;
  if (last === day) return `${start}–${ends}`;
  return last === addDays(day, 1) ? t("duty.nextDay", { from: start, to: ends }) : `${start}–${dayOfMonth(last)} ${ends}`;
}

/** @param {Shift} shift @param {string} day @param {number} now */
function chip(shift, day, now) {
  const on = Date.parse(shift.starts_at) <= now && now < Date.parse(shift.ends_at);
  const body = [on && h("em", { text: t("duty.now") }), h("b", { text: shift.person }), h("span", { text: span(shift, day) }), shift.phone && h("span", { class: "phone", text: shift.phone })];
  const facts = { class: on ? "shift on-duty" : "shift", data: { shift: String(shift.id), focus: `shift-${shift.id}-${day}` } };
  return may("roster.manage") && isOwn(shift)
    ? h("button", { type: "button", ...facts, title: t("duty.shift.change"), on: { click: () => edit(shift) } }, body)
    : h("div", facts, body);
}

function drawGaps() {
  const streets = asked.street ? [asked.street] : ownStreets().map(({ code }) => code);
  /** @type {Map<string, string[]>} streets by when nobody is on duty there */
  const alike = new Map();
  for (const street of streets) {
    const words = gapsOf(shifts.filter((one) => one.street === null || one.street === street), asked.week).map(gapWords);
    const key = words.length > MOST_GAPS ? [...words.slice(0, MOST_GAPS), t("duty.gaps.more", { n: words.length - MOST_GAPS })] : words;
    if (key.length) alike.set(listed(key), [...(alike.get(listed(key)) ?? []), nameOf("streets", street)]);
  }
  byId("gaps").classList.toggle("some", alike.size > 0);
  fill(byId("gaps"), alike.size
    ? [h("h3", {}, icon("incident"), t("duty.gaps")),
      h("ul", {}, [...alike].map(([words, names]) => h("li", {}, h("b", { text: listed(names) }), ` ${words}`))),
      h("p", { class: "note", text: t("duty.gaps.note") })]
    : h("p", { class: "note", text: t("duty.gaps.none") }));
}

/** @param {[number, number]} gap */
function gapWords([from, to]) {
  const [first, last] = [new Date(from), new Date(to - 1)].map(isoDay);
  if (first === asked.week && last === addDays(asked.week, 6) && clock(new Date(from)) === "00:00" && clock(new Date(to)) === "00:00") return t("duty.gaps.week");
  const ends = clock(new Date(to)) === "00:00" ? "24:00" : clock(new Date(to));
  return `${weekday(first)} ${clock(new Date(from))}–${last === first ? "" : `${weekday(last)} `}${ends}`;
}

/** @param {Shift|null} shift null: a new one */
function edit(shift) {
  const options = (/** @type {any[]} */ rows) => /** @type {[string, string][]} */ ([["", "—"], ...rows.map((one) => [one.code, one.name])]);
  const day = asked.week <= isoDay(new Date()) && isoDay(new Date()) < addDays(asked.week, 7) ? isoDay(new Date()) : asked.week;
  const street = asked.street || (district() ? null : ownStreets()[0]?.code ?? null);
  const values = shift
    ? { ...shift, starts_at: local(shift.starts_at), ends_at: local(shift.ends_at) }
    : { starts_at: `${day}T18:00`, ends_at: `${addDays(day, 1)}T08:00`, street, squad: staff.squads.find(({ streets }) => streets.includes(street))?.code ?? null };
  const kind = /** @type {any} */ ("datetime-local");
  const everywhere = /** @type {[string, string][]} */ ([["", t("duty.district")]]);
  form(t(shift ? "duty.shift.change" : "duty.shift.add"), [
    { name: "person", label: t("duty.shift.person"), required: true, most: 100, hint: t("duty.shift.personHint") },
    { name: "phone", label: t("duty.shift.phone"), most: 100 },
    { name: "starts_at", label: t("duty.shift.starts_at"), kind, required: true },
    { name: "ends_at", label: t("duty.shift.ends_at"), kind, required: true },
    { name: "street", label: t("duty.shift.street"), kind: "select", options: [...(district() || shift?.street === null ? everywhere : []), ...options(ownStreets()).slice(1)] },
    { name: "squad", label: t("duty.shift.squad"), kind: "select", options: options(staff.squads) },
    { name: "unit", label: t("duty.shift.unit"), kind: "select", options: options(staff.units) },
  ], values, async (given) => {
    const body = { ...given, starts_at: instant(given.starts_at), ends_at: instant(given.ends_at) };
    await (shift ? send("PUT", `/api/roster/${shift.id}`, body) : send("POST", "/api/roster", body));
    say(t("duty.shift.saved"));
    await load();
  }, shift ? { remove: async () => {
    await send("DELETE", `/api/roster/${shift.id}`);
    say(t("duty.shift.removed"));
    await load();
  } } : {});
  const person = byId("dialog").querySelector("[name=person]");
  person.setAttribute("list", "people");
  person.after(h("small", { text: t("duty.shift.personNote") }), h("datalist", { id: "people" }, [...new Set(staff.officers.filter(({ active }) => active).map(({ name }) => name))].map((name) => h("option", { value: name }))));
}

/** What a copy takes: shifts of the account that begin in the week; of a street that is asked for, its own only. */
const own = () => shifts.filter((one) => isoDay(one.starts_at) >= asked.week && isOwn(one) && (!asked.street || one.street === asked.street));

const sameAs = (/** @type {any} */ one) => JSON.stringify([Date.parse(one.starts_at), Date.parse(one.ends_at), one.street, one.squad, one.unit, one.person]);

async function copyWeek() {
  const after = addDays(asked.week, 7);
  const button = byId("copy-week");
  const moved = (/** @type {string} */ at) => instant(`${addDays(isoDay(at), 7)}T${clock(at)}`);
  let done = 0;
  button.disabled = true;
  try {
    const there = new Set((await everyShift(after, asked.street)).map(sameAs));
    const bodies = own().map(({ id, ...one }) => ({ ...one, starts_at: moved(one.starts_at), ends_at: moved(one.ends_at) })).filter((one) => !there.has(sameAs(one)));
    const where = asked.street ? nameOf("streets", asked.street) : t("duty.allStreets");
    if (!bodies.length) return void say(t("duty.copy.nothing"));
    if (!window.confirm(t("duty.copy.ask", { n: bodies.length, where, day: dayOfMonth(after) }))) return;
    for (const body of bodies) {
      await send("POST", "/api/roster", body);
      done += 1;
    }
    say(t("duty.copy.done", { n: done }));
    await go(after);
  } catch (error) {
    complain(done ? t("duty.copy.part", { n: done }) : t("duty.copy"), error);
  } finally {
    button.disabled = false;
    button.focus();
  }
}
