/** One frontage contract: what was promised, every look at it, and recording another. */

import { may } from "../account.js";
import { getJSON, isAbort, latest, send } from "../api.js";
import { app } from "../app.js";
import { byId, fill, h } from "../dom.js";
import { addDays, distance, isoDay, language, listed, showDay, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { photoPicker } from "../pictures.js";
import { editFrontage, endFrontage } from "./editor.js";

const RECTIFY_DAYS = 7;
const signal = latest();
/** @type {() => Promise<void>} */
let changed = async () => {};

/** How it stands, as flags. @param {any} item */
export const standing = (item) => [
  item.rectification_overdue ? mark("bad", t("frontages.rectifyLate", { day: showDay(item.rectify_by) }))
    : item.rectify_by && mark("warn", t("frontages.rectifyBy", { day: showDay(item.rectify_by) })),
  item.inspection_overdue && mark("warn", item.last_inspection_on ? t("frontages.inspectedLast", { day: showDay(item.last_inspection_on) }) : t("frontages.neverInspected")),
  item.state !== "in_force" && mark(item.state === "expired" ? "bad" : "warn", t(`frontages.state.${item.state}`, { day: showDay(item.valid_to) })),
  !item.rectify_by && !item.inspection_overdue && item.state === "in_force" && mark("good", t("frontages.good")),
].filter(Boolean);

/** @param {string} kind @param {string} text */
const mark = (kind, text) => h("span", { class: `mark ${kind}`, text });

/** @param {any} word of a list */
const named = (word) => (language() === "en" && word.name_en) || word.name;

/** @param {string} code @param {() => Promise<void>} [after] called when something was recorded */
export async function openDetail(code, after = changed) {
  changed = after;
  const one = signal();
  for (const row of document.querySelectorAll(".frontage")) row.classList.toggle("chosen", /** @type {HTMLElement} */ (row).dataset.code === code);
  try {
    const item = await getJSON(`/api/frontages/${encodeURIComponent(code)}`, {}, { signal: one });
    draw(item);
    byId("detail").hidden = false;
    byId("detail").focus();
    app.main?.select(item.geometry);
    app.main?.map.easeTo({ center: [item.lon, item.lat], zoom: Math.max(16.5, app.main.map.getZoom()) });
  } catch (error) {
    if (!isAbort(error)) complain(t("frontages.title"), error, () => void openDetail(code));
  }
}

/** Once a contract was changed, or taken away. @param {string} code empty: it is gone */
async function renewed(code) {
  say(t("frontages.saved"));
  if (!code) closeDetail();
  await Promise.all([changed(), code && openDetail(code)]);
}

export function closeDetail() {
  signal();
  byId("detail").hidden = true;
  app.main?.select(null);
}

/** @param {any} item */
function draw(item) {
  const fact = (/** @type {string} */ name, /** @type {any} */ value) => [h("dt", { text: t(`frontages.field.${name}`) }), h("dd", {}, value)];
  const path = `/api/frontages/${encodeURIComponent(item.code)}`;
  fill(byId("detail"),
    h("h2", { text: `${item.shop} ${item.code}` }), h("p", { class: "words" }, standing(item)),
    h("dl", { class: "facts" },
      fact("address", item.address || "—"), fact("grid", [item.street?.name, item.community?.name, item.grid?.name].filter(Boolean).join(" › ")),
      fact("length", `${distance(item.length_m)} · ${t(`frontages.measured.${item.measured}`)}`), fact("items", listed(item.items.map(named))),
      fact("valid", `${showDay(item.valid_from)} – ${showDay(item.valid_to)}`), item.note && fact("note", item.note)),
    h("p", { class: "figures-inline" },
      may("personal.read") && item.has_signatory && h("button", { type: "button", class: "button small-button", text: t("frontages.signatory"), on: { click: (/** @type {any} */ event) => void signatory(event.target, path) } }),
      may("personal.read") && item.attachment_id && h("a", { class: "button small-button", href: `${path}/scan`, target: "_blank", rel: "noopener", text: t("frontages.scan") }),
      may("frontage.manage") && h("button", { type: "button", class: "button small-button", id: "edit", text: t("frontages.edit"), on: { click: () => void editFrontage(item, renewed).catch((error) => complain(t("frontages.edit"), error)) } }),
      may("frontage.manage") && item.state !== "ended" && h("button", { type: "button", class: "button small-button", id: "end", text: t("frontages.end"), on: { click: () => endFrontage(item, renewed) } }),
      h("button", { type: "button", class: "button small-button", text: t("frontages.close"), on: { click: closeDetail } })),
    may("frontage.inspect") && item.state !== "ended" && form(item, path),
    h("h3", { text: t("frontages.history", { n: item.inspections }) }),
    item.history.length ? h("ul", { class: "behind-list" }, item.history.map((/** @type {any} */ look) => past(item, look, path))) : h("p", { class: "note", text: t("frontages.neverInspected") }));
}

/** @param {HTMLElement} button @param {string} path */
async function signatory(button, path) {
  try {
    const found = await getJSON(`${path}/signatory`);
    button.replaceWith(h("b", { text: [found.name, found.phone].filter(Boolean).join(" ") || "—" }));
  } catch (error) {
    complain(t("frontages.signatory"), error);
  }
}

/** @param {any} item @param {any} look @param {string} path */
function past(item, look, path) {
  const photo = (/** @type {number|null} */ id) => id && h("a", { href: `${path}/photos/${id}`, target: "_blank", rel: "noopener" },
    h("img", { class: "thumb", src: `${path}/photos/${id}?size=thumb`, alt: t("frontages.photo"), loading: "lazy" }));
  const names = look.failed.map((/** @type {string} */ code) => { const found = item.items.find((/** @type {any} */ one) => one.code === code); return found ? named(found) : code; });
  const open = look.failed.length > 0 && !look.rectified_on;
  return h("li", {}, h("span", {}, h("b", { text: showDay(look.inspected_on) }), " ",
    look.failed.length ? mark(open ? "bad" : "warn", t("frontages.failed", { items: listed(names) })) : mark("good", t("frontages.passed")),
    h("small", { text: [look.inspector, look.note].filter(Boolean).join(" · ") })),
  look.failed.length > 0 && h("small", { text: look.rectified_on ? t("frontages.rectifiedOn", { day: showDay(look.rectified_on) }) : t("frontages.rectifyBy", { day: showDay(look.rectify_by) }) }),
  photo(look.attachment_id), photo(look.rectified_attachment_id),
  open && may("frontage.inspect") && h("button", { type: "button", class: "button small-button", text: t("frontages.rectified"), on: { click: (/** @type {any} */ event) => rectifying(event.target, item, look, path) } }));
}

/** The photo chosen, kept by the service; null for none. @param {ReturnType<typeof photoPicker>} picker */
async function kept(picker) {
  const [file] = picker.read();
  if (!file) return null;
  const data = new FormData();
  data.append("photo", file);
  return (await send("POST", "/api/attachments", data)).id;
}

/** @param {any} item @param {string} path */
function form(item, path) {
  const today = isoDay(new Date());
  const photo = may("attachment.add") ? photoPicker(1) : null;
  const until = h("input", { class: "field", type: "date", name: "rectify_by", value: addDays(today, RECTIFY_DAYS), min: today, disabled: true });
  const failing = () => [...element.querySelectorAll("[name=failed]:checked")].map((/** @type {any} */ box) => box.value);
  const element = h("form", { class: "inspection", id: "inspection", on: { submit: async (/** @type {any} */ event) => {
    event.preventDefault();
    const button = element.querySelector("[type=submit]");
    button.disabled = true; // once, however often it is pressed
    try {
      const given = new FormData(element);
      const failed = failing();
      await send("POST", `${path}/inspections`, {
        inspected_on: given.get("inspected_on"), failed, rectify_by: failed.length ? given.get("rectify_by") : null,
        note: given.get("note") ?? "", attachment_id: photo && await kept(photo),
      });
      say(t("frontages.saved"));
      await Promise.all([changed(), openDetail(item.code)]);
    } catch (error) {
      button.disabled = false;
      complain(t("frontages.inspect"), error);
    }
  } } },
  h("h3", { text: t("frontages.inspect") }),
  h("label", {}, t("frontages.field.inspected_on"), h("input", { class: "field", type: "date", name: "inspected_on", required: true, value: today, max: today })),
  h("fieldset", {}, h("legend", { text: t("frontages.failing") }), item.items.map((/** @type {any} */ one) => h("label", {},
    h("input", { type: "checkbox", name: "failed", value: one.code, on: { change: () => { until.disabled = !failing().length; until.required = !until.disabled; } } }), named(one)))),
  h("label", {}, t("frontages.field.rectify_by"), until),
  h("label", {}, t("frontages.field.note"), h("input", { class: "field", name: "note", maxLength: 2000 })),
  photo?.element, h("button", { type: "submit", class: "button primary", text: t("frontages.save") }));
  return element;
}

/** Asks for the day and a photo of what was put right. @param {HTMLElement} button @param {any} item @param {any} look @param {string} path */
function rectifying(button, item, look, path) {
  const today = isoDay(new Date());
  const photo = may("attachment.add") ? photoPicker(1) : null;
  button.replaceWith(h("form", { class: "inspection", on: { submit: async (/** @type {any} */ event) => {
    event.preventDefault();
    try {
      const day = new FormData(event.target).get("rectified_on");
      await send("POST", `${path}/inspections/${look.id}/rectified`, { rectified_on: day, attachment_id: photo && await kept(photo) });
      say(t("frontages.saved"));
      await Promise.all([changed(), openDetail(item.code)]);
    } catch (error) {
      complain(t("frontages.rectified"), error);
    }
  } } }, h("label", {}, t("frontages.field.rectified_on"), h("input", { class: "field", type: "date", name: "rectified_on", required: true, value: today, min: look.inspected_on, max: today })),
  photo?.element, h("button", { type: "submit", class: "button", text: t("frontages.save") })));
}
