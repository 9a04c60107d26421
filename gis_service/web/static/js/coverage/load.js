/** Who carries how much, and areas that would share it out evenly: shown beside today's, applied by a person. */

import { may } from "../account.js";
import { getJSON, isAbort, latest, send } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { addDays, area, distance, isoDay, listed, number, percent, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { paint } from "./ground.js";
import { load, plan, query } from "./plan.js";
import { AREA_LOOKS } from "./states.js";

const PARTS = ["visits", "streets", "buildings", "incidents"];
const signal = latest();
/** @type {Record<string, number>} */
const weights = { visits: 1, streets: 1, buildings: 1, incidents: 1 };
/** @type {any} */
let proposal = null;
let drawn = "proposed";

export const loadView = () => ({ id: "load", open: () => void open(), close: () => { signal(); proposal = null; } });

async function open() {
  const one = signal();
  proposal = null;
  paint(null);
  try {
    const { items } = await getJSON("/api/coverage/load", query(), { signal: one });
    fill(byId("view-load"), plan.asked.squad ? form() : h("p", { class: "note", text: t("coverage.load.chooseSquad") }),
      h("div", { id: "proposal", tabIndex: -1 }), h("h3", { text: t("coverage.load.title") }), table(items));
  } catch (error) {
    if (!isAbort(error)) complain(t("coverage.view.load"), error, () => void open());
  }
}

/** @param {any[]} items */
function table(items) {
  const known = items.every((one) => one.streets_m !== null);
  const head = ["officer", "grids", "area", ...(known ? ["streets"] : []), "buildings", "visits", "incidents"];
  return [
    h("div", { class: "across" }, h("table", { class: "sums wide", id: "load" },
      h("thead", {}, h("tr", {}, head.map((name) => h("th", { scope: "col", text: t(`coverage.load.head.${name}`) })))),
      h("tbody", {}, items.map((one) => h("tr", {},
        h("th", { scope: "row", text: `${one.officer_name} ${one.officer}` }), h("td", { text: number(one.grids) }), h("td", { text: area(one.area_km2 * 1e6) }),
        known && h("td", { text: distance(one.streets_m) }), h("td", { text: number(one.buildings) }), h("td", { text: number(one.visits_per_week, 1) }),
        h("td", { text: `${number(one.open_cases)} / ${number(one.incidents)}` })))))),
    !known && h("p", { class: "note", text: t("coverage.swath.noStreets") }),
  ];
}

function form() {
  return h("form", { class: "proposal-form", on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); void propose(); } } },
    h("h3", { text: t("coverage.areas.title") }), h("p", { class: "note", text: t("coverage.areas.what") }),
    PARTS.map((part) => h("label", { class: "control" }, h("span", { text: t(`coverage.areas.part.${part}`) }),
      h("input", { type: "range", name: part, min: 0, max: 3, step: 0.5, value: String(weights[part]), on: { input: (/** @type {any} */ event) => {
        weights[part] = Number(event.target.value);
        event.target.nextElementSibling.textContent = number(weights[part], 1);
      } } }), h("output", { text: number(weights[part], 1) }))),
    h("button", { type: "submit", class: "button", id: "propose", text: t("coverage.areas.propose") }));
}

async function propose() {
  const one = signal();
  const button = byId("propose");
  button.disabled = true;
  button.textContent = t("coverage.areas.working");
  try {
    proposal = await getJSON("/api/coverage/areas", { ...query({ officer: "" }), ...weights }, { signal: one });
    draw();
    byId("proposal").focus();
  } catch (error) {
    if (!isAbort(error)) complain(t("coverage.areas.title"), error);
  } finally {
    button.disabled = false;
    button.textContent = t("coverage.areas.propose");
  }
}

/** @param {number|null} value @param {(value: number) => string} words */
const told = (value, words) => (value === null ? "—" : words(value));

function draw() {
  const { balance, items, grids } = proposal;
  const line = (/** @type {string} */ name, /** @type {(one: any) => string} */ of) =>
    h("tr", {}, h("th", { scope: "row", text: t(`coverage.areas.${name}`) }), h("td", { text: of(balance.today) }), h("td", { text: of(balance.proposed) }));
  fill(byId("proposal"),
    h("table", { class: "sums", id: "balance" },
      h("thead", {}, h("tr", {}, h("td"), h("th", { scope: "col", text: t("coverage.areas.today") }), h("th", { scope: "col", text: t("coverage.areas.proposed") }))),
      h("tbody", {},
        line("ratio", (one) => told(one.ratio, (value) => number(value, 2))), line("cv", (one) => told(one.cv, percent)),
        line("range", (one) => `${number(one.smallest, 2)} – ${number(one.largest, 2)}`),
        line("contiguous", (one) => `${number(one.contiguous)} / ${number(one.areas)}`))),
    h("p", { text: t("coverage.areas.changes", { moved: number(proposal.moved), grids: number(grids), unheld: number(proposal.unheld), shared: number(proposal.shared) }) }),
    proposal.missing.length > 0 && h("p", { class: "flag", text: t("coverage.areas.missing", { parts: listed(proposal.missing.map((/** @type {string} */ part) => t(`coverage.areas.part.${part}`))) }) }),
    proposal.bridged > 0 && h("p", { class: "flag", text: t("coverage.areas.bridged", { n: number(proposal.bridged) }) }),
    h("fieldset", { class: "row" }, h("legend", { text: t("coverage.areas.onMap") }), ["today", "proposed"].map((name) => h("label", {},
      h("input", { type: "radio", name: "drawn", value: name, checked: drawn === name, on: { change: () => { drawn = name; colour(); } } }), t(`coverage.areas.${name}`)))),
    h("table", { class: "sums wide", id: "areas" },
      h("thead", {}, h("tr", {}, ["mark", "officer", "load", "change"].map((name) => h("th", { scope: "col", text: t(`coverage.areas.head.${name}`) })))),
      h("tbody", {}, items.map((/** @type {any} */ item, /** @type {number} */ at) => h("tr", {},
        h("td", {}, h("span", { class: `area-mark area-${at % AREA_LOOKS}`, text: String(at + 1) })),
        h("th", { scope: "row", text: `${item.officer_name} ${item.contract}` }),
        h("td", { text: `${number(item.today.load, 2)} → ${number(item.proposed.load, 2)}` }),
        h("td", { text: `+${number(item.gained.length)} −${number(item.lost.length)}` }))))),
    items.some((/** @type {any} */ item) => item.other_contracts.length) && h("p", { class: "note", text: t("coverage.areas.others", { codes: listed(items.flatMap((/** @type {any} */ item) => item.other_contracts)) }) }),
    may("contract.manage") && applying());
  colour();
}

function colour() {
  if (!proposal) return;
  /** @type {Map<string, {look: string, letter: string}>} */
  const marks = new Map();
  proposal.items.forEach((/** @type {any} */ item, /** @type {number} */ at) => {
    for (const code of item[drawn].grids) {
      const moved = drawn === "proposed" && item.gained.includes(code) ? "-moved" : "";
      const before = marks.get(code);
      // held by two: both numbers
      marks.set(code, { look: `area${at % AREA_LOOKS}${moved}`, letter: before ? `${before.letter}+${at + 1}` : String(at + 1) });
    }
  });
  paint(marks);
}

function applying() {
  const tomorrow = addDays(isoDay(new Date()), 1);
  return h("form", { class: "proposal-form", id: "apply", on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); void check(); } } },
    h("h3", { text: t("coverage.areas.applyTitle") }), h("p", { class: "note", text: t("coverage.areas.applyWhat") }),
    h("div", { class: "row" }, h("label", {}, t("coverage.edit.validFrom"), h("input", { class: "field", type: "date", name: "valid_from", required: true, value: tomorrow })),
      h("input", { class: "field", name: "note", maxLength: 2000, "aria-label": t("coverage.areas.reason"), placeholder: t("coverage.areas.reason") })),
    h("button", { type: "submit", class: "button", text: t("coverage.areas.check") }), h("div", { id: "checked", role: "status" }));
}

/** What would be sent. */
function body() {
  const given = new FormData(byId("apply"));
  return {
    valid_from: String(given.get("valid_from")), note: String(given.get("note") ?? ""),
    contracts: proposal.items.map((/** @type {any} */ item) => ({ contract: item.contract, version: item.version, grids: item.proposed.grids })),
  };
}

async function check() {
  try {
    const wanted = body();
    const found = await send("POST", "/api/contracts/redraw?dry_run=true", wanted);
    fill(byId("checked"), h("p", { text: t("coverage.areas.checked", { n: number(found.changed.length), when: wanted.valid_from, codes: listed(found.changed) }) }),
      h("button", { type: "button", class: "button primary", id: "apply-now", text: t("coverage.areas.apply"), on: { click: () => void apply(wanted) } }));
    byId("apply-now").focus();
  } catch (error) {
    fill(byId("checked"));
    complain(t("coverage.areas.applyTitle"), error);
  }
}

/** @param {any} wanted as it was checked */
async function apply(wanted) {
  byId("apply-now").disabled = true;
  try {
    const done = await send("POST", "/api/contracts/redraw", wanted);
    say(t("coverage.areas.applied", { n: number(done.changed.length) }), { seconds: 8 });
    // the service hears of it within a second
    window.setTimeout(() => { void load(); void open(); }, 1200);
  } catch (error) {
    complain(t("coverage.areas.applyTitle"), error);
    fill(byId("checked"));
  }
}
