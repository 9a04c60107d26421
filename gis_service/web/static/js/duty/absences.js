/** Who is away, when, and who stands in. */

import { may } from "../account.js";
import { getJSON, send } from "../api.js";
import { byId, fill, h, icon } from "../dom.js";
import { isoDay, number, showDay, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { form } from "./dialog.js";
import { nameOf, officerOptions, officerWords, staff } from "./people.js";

/** @typedef {{id: number, officer: string, from_day: string, to_day: string, stand_in: string|null, kind: string, note: string}} Absence */

const KINDS = ["leave", "sick", "training", "other"];
let past = false;

/** @param {HTMLElement} view */
export async function openAbsences(view) {
  if (!view.firstChild) {
    fill(view,
      h("div", { class: "duty-tools" },
        h("h2", { id: "absence-count" }),
        h("label", { class: "check" }, h("input", { type: "checkbox", id: "past", checked: past, on: { change: (/** @type {any} */ event) => { past = event.target.checked; void reload(); } } }), t("duty.absence.past")),
        h("span", { class: "room" }),
        may("contract.manage") && h("button", { type: "button", class: "button primary", id: "add-absence", data: { focus: "add-absence" }, on: { click: add } }, icon("plus"), t("duty.absence.add"))),
      h("p", { class: "meaning", text: t("duty.absence.meaning") }),
      h("div", { class: "scroll" }, h("table", { class: "stacked", id: "absences", "aria-labelledby": "absence-count" })));
  }
  await load();
}

const reload = () => load().catch((error) => complain(t("duty.tab.absences"), error, () => void reload()));

async function load() {
  const { items } = await getJSON("/api/absences", { from: past ? null : isoDay(new Date()) });
  byId("absence-count").textContent = t(past ? "duty.absence.countAll" : "duty.absence.count", { n: number(items.length) });
  const heads = ["state", "officer", "days", "kind", "stand_in", "note"];
  const head = (/** @type {string} */ name) => t(`duty.absence.${name}`);
  fill(byId("absences"),
    h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col", text: head(name) })), may("contract.manage") && h("th", { scope: "col" }, h("span", { class: "visually-hidden", text: t("duty.absence.remove") })))),
    h("tbody", {}, items.map((/** @type {Absence} */ one) => row(one, head)),
      !items.length && h("tr", {}, h("td", { class: "none", colSpan: 7, text: t("duty.absence.none") }))));
}

/** @param {Absence} one */
function stateOf(one) {
  const today = isoDay(new Date());
  if (one.to_day < today) return "over";
  return one.from_day <= today ? "away" : "coming";
}

/** @param {Absence} one @param {(name: string) => string} head */
function row(one, head) {
  const state = stateOf(one);
  const cell = (/** @type {string} */ name, /** @type {any[]} */ ...body) => h("td", { data: { head: head(name) } }, body);
  const squad = nameOf("squads", staff.officers.find(({ code }) => code === one.officer)?.squad ?? null);
  return h("tr", { data: { absence: String(one.id) } },
    cell("state", h("span", { class: `tag ${state}`, text: t(`duty.absence.is.${state}`) })),
    h("th", { scope: "row" }, nameOf("officers", one.officer), h("small", { text: [squad, one.officer].filter(Boolean).join(" · ") })),
    cell("days", one.from_day === one.to_day ? showDay(one.from_day) : t("duty.absence.span", { from: showDay(one.from_day), to: showDay(one.to_day) })),
    cell("kind", t(`duty.absence.kind.${one.kind}`)),
    cell("stand_in", one.stand_in ? nameOf("officers", one.stand_in) : h("span", { class: "lack", text: t("duty.absence.nobody") })),
    h("td", { class: "words", data: { head: head("note") } }, one.note || "—"),
    may("contract.manage") && h("td", {}, h("button", {
      type: "button", class: "button small-button", text: t("duty.absence.remove"), data: { focus: `absence-${one.id}` },
      "aria-label": t("duty.absence.removeOf", { name: nameOf("officers", one.officer) }), on: { click: () => void remove(one) },
    })));
}

function add() {
  const today = isoDay(new Date());
  const officers = officerOptions();
  form(t("duty.absence.add"), [
    { name: "officer", label: t("duty.absence.officer"), kind: "select", required: true, options: [["", t("duty.choose")], ...officers], wide: true },
    { name: "from_day", label: t("duty.absence.from_day"), kind: "date", required: true },
    { name: "to_day", label: t("duty.absence.to_day"), kind: "date", required: true },
    { name: "kind", label: t("duty.absence.kind"), kind: "select", options: KINDS.map((kind) => [kind, t(`duty.absence.kind.${kind}`)]) },
    { name: "stand_in", label: t("duty.absence.stand_in"), kind: "select", options: [["", t("duty.absence.nobody")], ...officers] },
    { name: "note", label: t("duty.absence.note"), most: 500, wide: true },
  ], { from_day: today, to_day: today, kind: "leave" }, async (given) => {
    await send("POST", "/api/absences", given);
    say(t("duty.absence.saved"));
    await load();
  });
}

/** @param {Absence} one */
async function remove(one) {
  if (!window.confirm(t("duty.absence.removeAsk", { name: nameOf("officers", one.officer), from: showDay(one.from_day), to: showDay(one.to_day) }))) return;
  try {
    await send("DELETE", `/api/absences/${one.id}`);
    say(t("duty.absence.removed", { name: officerWords(one.officer) }));
    await load();
    byId("add-absence").focus();
  } catch (error) {
    complain(t("duty.absence.remove"), error);
  }
}
