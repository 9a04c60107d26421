/** The officers' phones: who has one, a token for a new one, switching one off. */

import { account, may } from "../account.js";
import { getJSON, send } from "../api.js";
import { byId, fill, h, icon } from "../dom.js";
import { number, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { copy } from "../own_account/forms.js";
import { form } from "./dialog.js";
import { nameOf, officerOptions, staff } from "./people.js";

/** @typedef {{id: number, officer: string, label: string, kind: string, active: boolean, keep_off_duty: boolean}} Device */

/** what to enter in each app, as in docs/tracks.md */
const SETTINGS = { owntracks: ["mode", "address", "user", "password"], osmand: ["address", "identifier"] };
const KINDS = /** @type {(keyof typeof SETTINGS)[]} */ (Object.keys(SETTINGS));
/** whoever plans duty acts for others, an officer for oneself */
const forOthers = () => may("roster.manage");
let off = false;

/** @param {HTMLElement} view */
export async function openDevices(view) {
  if (!view.firstChild) {
    fill(view,
      h("div", { class: "duty-tools" },
        h("h2", { id: "device-count" }),
        h("label", { class: "check" }, h("input", { type: "checkbox", id: "off", checked: off, on: { change: (/** @type {any} */ event) => { off = event.target.checked; void reload(); } } }), t("duty.device.showOff")),
        h("span", { class: "room" }),
        h("button", { type: "button", class: "button primary", id: "add-device", data: { focus: "add-device" }, on: { click: () => add("") } }, icon("plus"), t("duty.device.add"))),
      h("p", { class: "meaning", text: t("duty.device.meaning") }),
      h("section", { class: "token", id: "token", hidden: true, tabIndex: -1, "aria-labelledby": "token-title" }),
      h("section", { class: "without", id: "without", hidden: true, "aria-labelledby": "without-count" }),
      h("div", { class: "scroll" }, h("table", { class: "stacked", id: "devices", "aria-labelledby": "device-count" })));
  }
  await load();
}

const reload = () => load().catch((error) => complain(t("duty.tab.devices"), error, () => void reload()));

async function load() {
  /** @type {Device[]} */
  const phones = (await getJSON("/api/devices")).items.filter((/** @type {Device} */ one) => one.kind in SETTINGS);
  const active = phones.filter((one) => one.active);
  byId("device-count").textContent = t("duty.device.count", { n: active.length });
  const shown = off ? phones : active;
  fill(byId("devices"),
    h("thead", {}, h("tr", {}, ["officer", "label", "kind", "state"].map((name) => h("th", { scope: "col", text: t(`duty.device.${name}`) })), h("th", { scope: "col" }, h("span", { class: "visually-hidden", text: t("duty.device.off") })))),
    h("tbody", {}, shown.sort((a, b) => (a.officer < b.officer ? -1 : a.officer > b.officer ? 1 : a.id - b.id)).map(row),
      !shown.length && h("tr", {}, h("td", { class: "none", colSpan: 5, text: t("duty.device.none") }))));
  drawWithout(new Set(active.map(({ officer }) => officer)));
}

/** @param {Device} one */
function row(one) {
  const cell = (/** @type {string} */ name, /** @type {any[]} */ ...body) => h("td", { data: { head: t(`duty.device.${name}`) } }, body);
  return h("tr", { class: one.active ? null : "past", data: { device: String(one.id) } },
    h("th", { scope: "row" }, nameOf("officers", one.officer), h("small", { text: one.officer })),
    cell("label", one.label), cell("kind", t(`duty.device.kind.${one.kind}`)),
    cell("state", h("span", { class: one.active ? "tag away" : "tag over", text: t(one.active ? "duty.device.active" : "duty.device.isOff") }),
      one.keep_off_duty && h("small", { text: t("duty.device.keep") })),
    h("td", {}, one.active && h("button", {
      type: "button", class: "button small-button", text: t("duty.device.off"), data: { focus: `device-${one.id}` },
      "aria-label": t("duty.device.offOf", { label: one.label }), on: { click: () => void switchOff(one) },
    })));
}

/** Who has none. @param {Set<string>} having */
function drawWithout(having) {
  const all = staff.officers.filter(({ active }) => active);
  const lacking = all.filter(({ code }) => !having.has(code));
  const box = byId("without");
  box.hidden = !forOthers() || !lacking.length;
  fill(box,
    h("h3", { id: "without-count", text: t("duty.device.without", { n: number(lacking.length), all: number(all.length) }) }),
    h("p", { class: "note", text: t("duty.device.withoutNote") }),
    h("ul", {}, lacking.map(({ code, name, squad }) => h("li", {}, h("button", {
      type: "button", class: "button", data: { focus: `without-${code}` }, "aria-label": t("duty.device.addFor", { name }), on: { click: () => add(code) },
    }, icon("plus"), name, h("small", { text: nameOf("squads", squad) }))))));
}

/** @param {string} officer code; empty: to be chosen */
function add(officer) {
  const whose = forOthers() ? nameOf("officers", officer) : account?.display_name;
  form(t("duty.device.add"), [
    ...(forOthers() ? [{ name: "officer", label: t("duty.device.officer"), kind: /** @type {"select"} */ ("select"), required: true, wide: true, options: /** @type {[string, string][]} */ ([["", t("duty.choose")], ...officerOptions()]) }] : []),
    { name: "kind", label: t("duty.device.kind"), kind: "select", options: KINDS.map((kind) => [kind, t(`duty.device.kind.${kind}`)]) },
    { name: "label", label: t("duty.device.label"), required: true, most: 100, hint: t("duty.device.labelHint") },
    ...(forOthers() ? [] : [{ name: "keep_off_duty", label: t("duty.device.keepAsk"), kind: /** @type {"check"} */ ("check"), wide: true }]),
  ], { officer, kind: KINDS[0], label: whose && t("duty.device.labelOf", { name: whose }) }, async (given) => {
    const made = await send("POST", "/api/devices", given);
    await load();
    showToken(made);
  });
}

/** Shows the token, this once; it stays until it is put away. @param {Device & {token: string, setup: {address: string, picture: string}}} made */
function showToken(made) {
  const box = byId("token");
  const kind = /** @type {keyof typeof SETTINGS} */ (made.kind);
  /** @type {Record<string, string>} */
  const values = { mode: "HTTP", address: made.setup.address, user: made.officer, password: made.token, identifier: made.token };
  fill(box,
    h("h3", { id: "token-title", text: t("duty.token.title", { name: nameOf("officers", made.officer), label: made.label }) }),
    h("p", { class: "warn", text: t("duty.token.once") }),
    h("img", { class: "token-code", src: made.setup.picture, alt: t("own.phonePicture") }),
    h("p", { text: t(`duty.token.where.${kind}`) }),
    h("dl", {}, SETTINGS[kind].map((name) => [h("dt", { text: t(`duty.token.${name}`) }), h("dd", {},
      h("code", { class: "value", text: values[name], data: { setting: name } }),
      name !== "mode" && h("button", { type: "button", class: "button small-button", text: t("duty.token.copy"), "aria-label": t("duty.token.copyOf", { what: t(`duty.token.${name}`) }), on: { click: (/** @type {any} */ event) => void copy(event.currentTarget.previousElementSibling) } }))]).flat()),
    h("p", { class: "note", text: t("duty.token.reach") }),
    h("button", { type: "button", class: "button primary", id: "token-done", text: t("duty.token.done"), on: { click: () => { box.hidden = true; fill(box); byId("add-device").focus(); } } }));
  box.hidden = false;
  // the dialog gives the focus back as it closes; what is to be written down comes after that
  byId("dialog").addEventListener("close", () => { box.scrollIntoView({ block: "nearest" }); box.focus(); }, { once: true });
}

/** @param {Device} one */
async function switchOff(one) {
  if (!window.confirm(t("duty.device.offAsk", { label: one.label, name: nameOf("officers", one.officer) }))) return;
  try {
    await send("DELETE", `/api/devices/${one.id}`);
    say(t("duty.device.offDone", { label: one.label }));
    await load();
    byId("add-device").focus();
  } catch (error) {
    complain(t("duty.device.off"), error);
  }
}
