/** A walk from a file: whose it is, in which system its positions are, and what became of each. */

import { may } from "../account.js";
import { address, send } from "../api.js";
import { byId, fill, h, icon } from "../dom.js";
import { number, t } from "../i18n.js";
import { closeGrid } from "./card.js";
import { plan } from "./plan.js";

const SYSTEMS = ["wgs84", "gcj02", "bd09", "cgcs2000"];
/** What may have become of positions, beside being kept; the service says the rest in words. */
const REST = ["already", "unplaced", "nowhere", "future", "too_old"];

/** @param {{code: string, name: string, squad: string|null, active: boolean}[]} officers */
export function openUpload(officers) {
  closeGrid();
  const card = byId("grid-card");
  const results = h("ul", { class: "walks", role: "status" });
  // who draws up contracts acts for others, an officer for no one else
  const others = may("contract.manage") && h("label", { class: "editor-field" }, h("span", { text: t("coverage.walk.officer") }),
    h("select", { class: "field", name: "officer", required: true },
      h("option", { value: "", text: t("coverage.walk.choose") }),
      officers.filter((one) => one.active).map((one) => h("option", { value: one.code, text: `${one.name} ${one.code}`, selected: one.code === plan.asked.officer }))));
  const form = h("form", { class: "editor", id: "walk", on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); void upload(form, results); } } },
    h("header", {},
      h("h2", { text: t("coverage.walk.title") }),
      h("button", { type: "button", class: "quiet", "aria-label": t("message.close"), on: { click: closeGrid } }, icon("close"))),
    h("p", { class: "note", text: t("coverage.walk.what") }),
    others,
    h("label", { class: "editor-field" }, h("span", { text: t("coverage.walk.files") }),
      h("input", { class: "field", type: "file", name: "files", accept: ".gpx,.geojson,.json", multiple: true, required: true })),
    h("label", { class: "editor-field" }, h("span", { text: t("coverage.walk.crs") }),
      h("select", { class: "field", name: "crs" }, SYSTEMS.map((crs) => h("option", { value: crs, text: t(`dispatch.crs.${crs}`) })))),
    !others && h("label", { class: "check" }, h("input", { type: "checkbox", name: "keep" }), t("coverage.walk.keep")),
    h("button", { type: "submit", class: "button primary", text: t("coverage.walk.send") }),
    results);
  fill(card, form);
  card.hidden = false;
  form.querySelector("select, input").focus();
}

/** One file after the other: each is kept as a whole or not at all. @param {any} form @param {HTMLElement} results */
async function upload(form, results) {
  const button = form.querySelector("[type=submit]");
  const { officer, files, crs, keep } = form.elements;
  const path = address("/api/tracks", { officer: officer?.value, crs: crs.value, keep_off_duty: keep?.checked || null });
  button.disabled = true;
  results.replaceChildren();
  for (const file of [...files.files]) {
    const row = h("li", {}, h("b", { text: file.name }), h("progress", { "aria-label": t("coverage.walk.sending", { name: file.name }) }));
    results.append(row);
    const data = new FormData();
    data.append("file", file);
    try {
      fill(row, h("b", { text: file.name }), outcome(await send("POST", path, data)));
    } catch (error) {
      fill(row, h("b", { text: file.name }), h("p", { class: "flag", text: /** @type {Error} */ (error).message }));
    }
  }
  files.value = ""; // the same ones again would only be told to be there already
  button.disabled = false;
}

/** @param {any} found as /api/tracks answers */
function outcome(found) {
  const { loaded, read, visits } = found;
  const rest = REST.filter((name) => found[name]).map((name) => t(`coverage.walk.${name}`, { n: number(found[name]) }));
  return [
    h("p", { text: t("coverage.walk.kept", { loaded: number(loaded), read: number(read), visits: number(visits) }) }),
    [...found.warnings, ...rest].map((text) => h("p", { class: "note", text })),
    loaded > 0 && h("p", { class: "note", text: t("coverage.walk.follows") }),
  ].flat();
}
