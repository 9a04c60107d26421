/** A report taken over the phone: what, where, who; what it may repeat is shown while it is typed. */

import { getJSON, isAbort, latest, send } from "../api.js";
import { byId, debounce, fill, h, icon } from "../dom.js";
import { distance, t } from "../i18n.js";
import { say } from "../messages.js";
import { act, advice } from "./acting.js";
import { sayAgo } from "./clock.js";
import { apply, open as openIncident } from "./desk.js";
import { classMaker } from "./fields.js";
import { className } from "./names.js";
import { photoField } from "./photos.js";
import { placeField } from "./place_field.js";
import { SOURCES } from "./query.js";
import { stateTag, whereabouts, word } from "./row.js";

const asking = latest();
/** @type {{end: () => void, dirty: () => boolean}|null} */
let form = null;

/** @returns {boolean} */
export const reportOpen = () => form !== null;

/** @returns {string} a number nobody else draws; `randomUUID` is missing on plain HTTP */
const draw = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Closes the form; what was typed is asked for first. @param {boolean} [sure] @returns {boolean} whether it was open */
export function closeReport(sure = false) {
  if (!form) return false;
  if (!sure && form.dirty() && !window.confirm(t("dispatch.report.leave"))) return true;
  form.end();
  form = null;
  byId("report").hidden = true;
  fill(byId("report"));
  document.body.classList.remove("has-report");
  return true;
}

export function openReport() {
  if (form) {
    byId("report").querySelector("input")?.focus();
    return;
  }
  const box = byId("report");
  const input = (/** @type {string} */ name, /** @type {any} */ props = {}) => h("input", { class: "field", name, maxLength: 200, autocomplete: "off", ...props });
  const source = h("select", { class: "field", name: "source" }, SOURCES.map((one) => h("option", { value: one, text: word("source", one), selected: one === "hotline" })));
  const words = h("textarea", { class: "field", name: "description", rows: 3, maxLength: 4000 });
  const [number, theirs] = [input("external_id"), input("their_due_at", { type: "datetime-local" })];
  const [person, phone] = [input("name"), input("phone", { type: "tel", maxLength: 40 })];
  const [urgent, order] = [h("input", { type: "checkbox", name: "urgent" }), h("input", { type: "checkbox", name: "is_order" })];
  const kind = classMaker(null, true, () => look());
  const place = placeField({ what: t("dispatch.report.what"), changed: () => look() });
  const photos = photoField();
  const near = h("section", { class: "duplicates", "aria-live": "polite" });
  const note = h("div", { role: "alert" });
  let key = draw();
  let sent = "";

  const body = () => {
    const at = place.read();
    return {
      ...kind.read(), ...at, source: source.value,
      ...(words.value.trim() && { description: words.value.trim() }), ...(place.address() && { address: place.address() }),
      ...(number.value.trim() && { external_id: number.value.trim() }), ...(theirs.value && { their_due_at: theirs.value }),
      ...((person.value.trim() || phone.value.trim()) && { reporter: {
        ...(person.value.trim() && { name: person.value.trim() }), ...(phone.value.trim() && { phone: phone.value.trim() }) } }),
      ...(urgent.checked && { urgent: true }), ...(order.checked && { is_order: true }),
      ...(photos.read() && { photos: photos.read() }),
    };
  };

  const look = debounce(async () => {
    const at = place.read();
    const found = kind.read();
    if (!at || !found) { fill(near); return; }
    try {
      const { items, within_m: reach, hours } = await getJSON("/api/incidents/duplicates", { ...found, ...at }, { signal: asking() });
      fill(near, h("h3", { text: t(items.length ? "dispatch.duplicates" : "dispatch.duplicates.none", { n: items.length, m: reach, h: hours }) }),
        h("ul", {}, items.map((/** @type {any} */ one) => h("li", { class: "duplicate" },
          h("div", { class: "near-row" }, h("span", { class: "near-away", text: distance(one.away_m) }),
            h("span", { class: "near-name" }, h("b", { text: className(one.class) }), h("span", { class: "note", text: one.description || whereabouts(one) }),
              h("span", { class: "note" }, one.code, " · ", sayAgo(h("time", {}), one.reported_at))), stateTag(one.state)),
          h("button", { type: "button", class: "button", text: t("dispatch.addTo"), on: { click: () => void submit(one) } })))));
    } catch (error) {
      if (!isAbort(error)) fill(near, h("p", { class: "note", text: /** @type {Error} */ (error).message }));
    }
  }, 200);

  const take = h("button", { type: "submit", class: "button primary", text: t("dispatch.report.take") });

  /** @param {any} [into] the incident that this one repeats */
  async function submit(into) {
    if (take.disabled) return;
    const report = body();
    if (!report.class) { refuse(t("dispatch.fillIn", { field: t("dispatch.needs.class") })); kind.focus(); return; }
    if (photos.busy()) { refuse(t("dispatch.stillUploading")); return; }
    const content = JSON.stringify(report);
    // the same content sent again is the same report, other content is another one
    if (sent && sent !== content) key = draw();
    sent = content;
    take.disabled = true;
    try {
      const made = await send("POST", "/api/incidents", report, { headers: { "Idempotency-Key": key } });
      apply([made]);
      let shown = made.id;
      let said = t("dispatch.report.taken", { code: made.code });
      if (into) {
        try {
          await act(made, "merge", { into: into.code });
          shown = into.id;
          said = t("dispatch.report.added", { code: into.code });
        } catch (error) {
          said = t("dispatch.report.notAdded", { code: made.code, why: /** @type {Error} */ (error).message });
        }
      }
      closeReport(true);
      say(made.follow_code ? `${said} ${t("dispatch.report.follow", { code: made.follow_code })}` : said, { seconds: 12 });
      openIncident(shown);
    } catch (error) {
      refuse(/** @type {Error} */ (error).message, advice(error));
    } finally {
      take.disabled = false;
    }
  }

  /** @param {string} why @param {string} [next] */
  const refuse = (why, next) => {
    note.className = "refusal";
    fill(note, h("p", { text: why }), next && h("p", { class: "note", text: next }));
    note.scrollIntoView({ block: "nearest" });
  };

  const field = (/** @type {string} */ label, /** @type {any} */ content) => h("label", { class: "form-field" }, h("span", { class: "form-label", text: label }), content);
  fill(box, h("form", {
    noValidate: true, on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); void submit(); } },
  },
  h("header", { class: "report-head" }, h("h2", { text: t("dispatch.report") }),
    h("button", { type: "button", class: "quiet", "aria-label": t("drawer.close"), title: t("drawer.close"), on: { click: () => closeReport() } }, icon("close"))),
  h("div", { class: "report-body" }, note, kind.element,
    h("div", { class: "form-field" }, h("span", { class: "form-label", text: t("dispatch.part.place") }), place.element),
    near, field(t("fact.description"), words),
    h("div", { class: "two" }, field(t("fact.source"), source), field(t("dispatch.field.externalId"), number)),
    h("div", { class: "two" }, field(t("dispatch.field.person"), person), field(t("dispatch.field.phone"), phone)),
    field(t("dispatch.theirDue"), theirs),
    h("div", { class: "filter-flags" }, h("label", { class: "check" }, urgent, h("span", { text: t("dispatch.only.urgent") })),
      h("label", { class: "check" }, order, h("span", { text: t("dispatch.only.order") }))),
    h("div", { class: "form-field" }, h("span", { class: "form-label", text: t("dispatch.photos") }), photos.element)),
  h("footer", { class: "form-foot" }, take, h("span", { class: "note", text: t("dispatch.report.unplaced") }))));
  const start = JSON.stringify(body());
  form = { end: place.end, dirty: () => JSON.stringify(body()) !== start };
  box.hidden = false;
  document.body.classList.add("has-report");
  kind.focus();
}
