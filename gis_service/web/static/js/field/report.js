/** An officer's report: kept on the phone at once, sent as soon as there is a network. */

import { byId, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { classPicker } from "../kinds.js";
import { say } from "../messages.js";
import { photoPicker } from "../pictures.js";
import { mapAllowed, whereField } from "../where.js";
import { drop, flush, keep } from "./outbox.js";

const PHOTOS = 9;

/**
 * @param {HTMLElement} box @param {any[]} classes @param {any} session @param {() => void} waiting shows what waits
 * @returns {(draft: import("./outbox.js").Draft) => Promise<void>} takes a draft up again
 */
export function startReport(box, classes, session, waiting) {
  const kind = classPicker(classes);
  const where = whereField({ map: mapAllowed(), paste: true });
  const words = h("textarea", { class: "field", name: "description", maxLength: 4000, placeholder: t("field.wordsHint") });
  const photos = photoPicker(PHOTOS);
  const quick = h("input", { type: "checkbox", name: "quick", on: { change: () => { fix.hidden = !quick.checked; } } });
  const note = h("input", { class: "field", name: "quick-note", maxLength: 4000, placeholder: t("field.quickNote"), "aria-label": t("field.quickNote") });
  const after = photoPicker(PHOTOS);
  const fix = h("div", { class: "stack", hidden: true }, note, after.element);
  const urgent = h("input", { type: "checkbox", name: "urgent" });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const submit = h("button", { class: "button primary", text: t("public.send") });
  const save = h("button", { type: "button", class: "button", text: t("field.saveDraft"), on: { click: () => void put("draft") } });
  /** @type {string|null} key of the draft that is being written */
  let key = null;

  /** @param {string} text */
  function refuse(text) {
    problem.textContent = text;
    problem.hidden = !text;
    if (text) problem.scrollIntoView({ block: "center" });
  }

  /** @param {"draft"|"waiting"} state */
  async function put(state) {
    refuse("");
    const position = where.read();
    if (state === "waiting") {
      if (!kind.read()) { refuse(t("public.needKind")); return; }
      if (!position && !where.address()) { refuse(t("public.needPlace")); return; }
      if (quick.checked && !after.read().length) { refuse(t("field.needAfter")); return; }
    }
    const body = {
      class: kind.read(), source: "patrol", description: words.value.trim() || null, address: where.address() || null,
      ...(position ?? {}), urgent: urgent.checked, reported_at: new Date().toISOString(),
      ...(quick.checked ? { quick: { note: note.value.trim() || null } } : {}),
    };
    key ??= crypto.randomUUID();
    await keep({
      key, made_at: body.reported_at, state, body, what: kind.name(), where: where.address(),
      photos: photos.read().map((file) => ({ file, id: null })), fixed: quick.checked ? after.read().map((file) => ({ file, id: null })) : [],
    });
    clear();
    if (state === "draft") say(t("field.kept"));
    else {
      say(t(navigator.onLine ? "field.sending" : "field.later"), { key: "sending", seconds: 5 });
      void flush();
    }
    if (state === "draft" || !navigator.onLine) waiting();
  }

  function clear() {
    key = null;
    kind.clear();
    where.clear();
    words.value = note.value = "";
    photos.set([]);
    after.set([]);
    quick.checked = urgent.checked = false;
    fix.hidden = true;
    window.scrollTo(0, 0);
  }

  /** @param {string} label @param {any} content */
  const tile = (label, content) => h("div", { class: "tile" }, h("h2", { text: label }), content);
  const mayQuick = session.permissions.includes("incident.quick");
  fill(box, h("form", { class: "stack", noValidate: true, on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); void put("waiting"); } } },
    tile(t("field.where"), where.element),
    tile(t("field.what"), kind.element),
    tile(t("field.words"), [words, photos.element, h("label", { class: "check" }, urgent, h("span", { text: t("dispatch.only.urgent") }))]),
    mayQuick && tile(t("field.quick"), [h("label", { class: "check" }, quick, h("span", { text: t("field.quickHint") })), fix]),
    problem, h("div", { class: "two wide-left" }, submit, save)));

  return async (draft) => {
    clear();
    if (draft.state !== "draft") await drop(draft.key);
    key = draft.state === "draft" ? draft.key : null;
    kind.choose(draft.body.class);
    if (draft.body.lon !== undefined) void where.choose({ lon: draft.body.lon, lat: draft.body.lat, crs: draft.body.crs, accuracy_m: draft.body.accuracy_m });
    where.name(draft.body.address ?? "");
    words.value = draft.body.description ?? "";
    photos.set(draft.photos.map((photo) => photo.file));
    urgent.checked = draft.body.urgent;
    if (draft.body.quick) {
      quick.checked = true;
      fix.hidden = false;
      note.value = draft.body.quick.note ?? "";
      after.set(draft.fixed.map((photo) => photo.file));
    }
    byId("report").scrollIntoView();
  };
}
