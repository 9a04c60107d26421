/** Drawing up a contract: the promise in a form, its grids by clicks on the map. */

import { may } from "../account.js";
import { address, getJSON, send } from "../api.js";
import { app } from "../app.js";
import { byId, fill, h, icon } from "../dom.js";
import { addDays, isoDay, language, listed, number, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { photoPicker } from "../pictures.js";
import { beginPolygon, choose, drawChosen, endPolygon } from "./ground.js";
import { plan } from "./plan.js";

const WEEK = [1, 2, 3, 4, 5, 6, 7];
const LAST_FROM_NOW_DAYS = 364;
/** @type {Set<string>} codes of the grids of what is being drawn up */
let grids = new Set();
/** @type {{code: string, name: string}[]} groups of classes */
let groups = [];

/** @type {Map<string, string>} names by code */
let communities = new Map();

export const mayEdit = () => may("contract.manage");

/**
 * Opens the editor on a contract as the service tells it, or on a new one for a grid.
 * @param {{contract?: any, grid?: string, officers: any[]}} what
 * @param {() => void} close
 */
export async function edit({ contract, grid, officers }, close) {
  try {
    if (!groups.length) groups = await readGroups();
    if (!communities.size) communities = new Map((await getJSON("/api/areas/community", { limit: 1000 })).items.map((/** @type {any} */ one) => [one.code, one.name]));
  } catch (error) {
    complain(t("coverage.edit.title"), error);
    return;
  }
  grids = new Set(contract ? contract.grids.filter((/** @type {string} */ code) => !contract.removed_grids.includes(code)) : [grid]);
  const today = isoDay(new Date());
  const card = byId("grid-card");
  const scan = signedScan(contract);
  const form = h("form", { class: "editor", id: "editor", on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); void save(contract, scan.read, done); } } },
    h("header", {},
      h("h2", { text: contract ? t("coverage.edit.change", { code: contract.code, version: contract.version + 1 }) : t("coverage.edit.new") }),
      h("button", { type: "button", class: "quiet", "aria-label": t("message.close"), on: { click: () => done() } }, icon("close"))),
    !contract && field(t("coverage.edit.code"), h("input", { class: "field", name: "code", required: true, maxLength: 50 })),
    field(t("coverage.edit.lead"), h("select", { class: "field", name: "officer", required: true },
      officers.filter((one) => one.active && one.certified).map((one) => option(one, one.code === contract?.officer)))),
    field(t("coverage.edit.members"), h("select", { class: "field", name: "members", multiple: true, size: 3 },
      officers.filter((one) => one.active).map((one) => option(one, contract?.members.some((/** @type {any} */ member) => member.officer === one.code))))),
    h("div", { class: "editor-row" },
      field(t("coverage.edit.interval"), h("input", { class: "field", name: "amount", type: "number", min: 1, max: 366, required: true, value: String(contract?.promised_days ?? contract?.visits_per_week ?? 3) })),
      field(t("coverage.edit.unit"), h("select", { class: "field", name: "unit" },
        h("option", { value: "promised_days", text: t("coverage.edit.days"), selected: !contract?.visits_per_week }),
        h("option", { value: "visits_per_week", text: t("coverage.edit.aWeek"), selected: Boolean(contract?.visits_per_week) })))),
    h("fieldset", { class: "weekdays" }, h("legend", { text: t("coverage.edit.weekdays") }), WEEK.map((day) => h("label", {},
      h("input", { type: "checkbox", name: "weekdays", value: String(day), checked: !contract || contract.weekdays.includes(day) }), weekday(day)))),
    h("div", { class: "editor-row" },
      field(t("coverage.edit.hoursFrom"), h("input", { class: "field", name: "hours_from", type: "time", required: true, value: contract?.hours_from ?? "08:00" })),
      field(t("coverage.edit.hoursTo"), h("input", { class: "field", name: "hours_to", type: "time", required: true, value: contract?.hours_to ?? "18:00" })),
      field(t("coverage.edit.stay"), h("input", { class: "field", name: "stay", type: "number", min: 0, max: 1440, value: contract?.min_stay_s ? String(contract.min_stay_s / 60) : "" }))),
    h("div", { class: "editor-row" },
      field(t("coverage.edit.validFrom"), h("input", { class: "field", name: "valid_from", type: "date", required: true, value: today })),
      field(t("coverage.edit.validTo"), h("input", { class: "field", name: "valid_to", type: "date", required: true, value: contract && contract.valid_to > today ? contract.valid_to : addDays(today, LAST_FROM_NOW_DAYS) }))),
    h("fieldset", { class: "duties" }, h("legend", { text: t("coverage.edit.duties") }), groups.map(({ code, name }) => h("label", {},
      h("input", { type: "checkbox", name: "duties", value: code, checked: Boolean(contract?.duties.includes(code)) }), `${name} ${code}`))),
    scan.element,
    field(t("coverage.edit.note"), h("input", { class: "field", name: "note", maxLength: 2000, value: contract?.note ?? "" })),
    h("p", { class: "picked", role: "status", id: "picked" }),
    h("div", { class: "editor-row" }, field(t("coverage.edit.community"), communityPicker()), app.main && h("button", { type: "button", class: "button", id: "polygon", text: t("coverage.edit.polygon"), on: { click: polygon } })),
    contract?.removed_grids.length > 0 && h("p", { class: "flag", text: t("coverage.edit.removed", { codes: listed(contract.removed_grids) }) }),
    h("div", { class: "editor-row" },
      h("button", { type: "submit", class: "button primary", text: t("coverage.edit.save") }),
      h("button", { type: "button", class: "button", text: t("coverage.edit.cancel"), on: { click: () => done() } })));
  const done = () => {
    choose(null);
    grids.clear();
    close();
  };
  fill(card, form);
  card.hidden = false;
  app.main?.select(null);
  choose(grids, (code) => {
    if (!grids.delete(code)) grids.add(code);
    picked();
  });
  picked();
  form.querySelector("input, select")?.focus();
}

/** @param {string} label @param {HTMLElement} control */
const field = (label, control) => h("label", { class: "editor-field" }, h("span", { text: label }), control);

/** @param {any} officer @param {boolean} selected */
const option = (officer, selected) => h("option", { value: officer.code, text: `${officer.name} ${officer.code}`, selected });

/** @param {number} day ISO, Monday is 1 @param {"narrow"|"short"} [length] */
export const weekday = (day, length = "narrow") => new Intl.DateTimeFormat(language() === "zh" ? "zh-CN" : "en-GB", { weekday: length, timeZone: "UTC" })
  .format(new Date(Date.UTC(2024, 0, day))); // 1 January 2024 was a Monday

/** Adds all grids of a community at once. */
function communityPicker() {
  /** @type {Map<string, Set<string>>} */
  const found = new Map();
  for (const item of plan.items) if (item.community) found.set(item.community, (found.get(item.community) ?? new Set()).add(item.grid.code));
  const select = h("select", { class: "field", id: "add-community", on: { change: () => { add(found.get(select.value) ?? []); select.value = ""; } } },
    h("option", { value: "", text: "—" }), [...found].map(([code, own]) => h("option", { value: code, text: t("coverage.edit.communityOf", { name: communities.get(code) ?? code, n: own.size }) })));
  return select;
}

/** The first press begins a polygon of clicks on the map, the second takes what lies in it. @param {any} event */
function polygon(event) {
  const drawing = event.target.classList.toggle("drawing");
  event.target.textContent = t(drawing ? "coverage.edit.polygonDone" : "coverage.edit.polygon");
  if (drawing) beginPolygon();
  else add(endPolygon());
}

/** @param {Iterable<string>} codes */
function add(codes) {
  for (const code of codes) grids.add(code);
  drawChosen();
  picked();
}

function picked() {
  byId("picked").textContent = t("coverage.edit.picked", { n: number(grids.size) });
}

async function readGroups() {
  const { items } = await getJSON("/api/classes");
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const one of items) {
    found.set(`${one.kind[0].toUpperCase()}-${one.major}`, language() === "zh" ? one.major_name : one.major_name_en);
  }
  return [...found].map(([code, name]) => ({ code, name })).sort((one, other) => one.code.localeCompare(other.code));
}

/**
 * The signed scan: the one there is, and another. `read` keeps a new one with the service first.
 * @param {any} contract @returns {{element: HTMLElement|null, read: () => Promise<number|null>}}
 */
function signedScan(contract) {
  const before = contract?.attachment_id ?? null;
  if (!may("attachment.add")) return { element: null, read: async () => before };
  const picker = photoPicker(1);
  return {
    element: h("div", { class: "editor-field" }, h("span", { text: t("coverage.edit.scan") }), scanLink(contract), picker.element),
    read: async () => {
      const [file] = picker.read();
      if (!file) return before;
      const data = new FormData();
      data.append("photo", file);
      return (await send("POST", "/api/attachments", data)).id;
    },
  };
}

/** @param {any} contract its last version, where it was found */
export const scanLink = (contract) => (contract?.attachment_id ? h("a", {
  href: address(`/api/contracts/${encodeURIComponent(contract.code)}/scan`, { version: contract.version }),
  target: "_blank", rel: "noopener", text: t("coverage.edit.scanSee"),
}) : null);

/** @param {any} contract @param {() => Promise<number|null>} scan @param {() => void} done */
async function save(contract, scan, done) {
  const form = new FormData(byId("editor"));
  const text = (/** @type {string} */ name) => String(form.get(name) ?? "");
  /** @type {any} */
  const body = {
    officer: text("officer"), members: form.getAll("members"), grids: [...grids], duties: form.getAll("duties"),
    [text("unit")]: Number(text("amount")), weekdays: form.getAll("weekdays").map(Number),
    hours_from: text("hours_from"), hours_to: text("hours_to"),
    min_stay_s: text("stay") ? Math.round(Number(text("stay")) * 60) : null, min_length_m: contract?.min_length_m ?? null,
    valid_from: text("valid_from"), valid_to: text("valid_to"), note: text("note"),
  };
  try {
    body.attachment_id = await scan();
    const saved = contract
      ? await send("PUT", `/api/contracts/${encodeURIComponent(contract.code)}`, { ...body, version: contract.version })
      : await send("POST", "/api/contracts", { ...body, code: text("code") });
    say(t("coverage.edit.saved", { code: saved.code, version: saved.version }));
    done();
  } catch (error) {
    complain(t("coverage.edit.title"), error);
  }
}
