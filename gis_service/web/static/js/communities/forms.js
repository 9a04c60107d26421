/** Forms in a dialog, described by their fields. */

import { byId, fill, h } from "../dom.js";
import { t } from "../i18n.js";

/**
 * @typedef {{name: string, label: string, kind?: "text"|"words"|"number"|"date"|"time"|"select"|"many"|"check"|"checks"|"element",
 *   options?: [string, string][], required?: boolean, wide?: boolean, hint?: string, element?: any, most?: number, step?: string}} Field
 */

/**
 * Opens a form; `save` gets the values (text trimmed, numbers or null) and throws what is to be shown.
 * @param {string} title
 * @param {Field[]} fields
 * @param {Record<string, any>} values
 * @param {(values: Record<string, any>) => Promise<void>} save
 * @param {{remove?: () => Promise<void>}} [options]
 */
export function openForm(title, fields, values, save, { remove } = {}) {
  const dialog = byId("dialog");
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const submit = h("button", { class: "button primary", text: t("com.save") });
  /** @type {Record<string, () => any>} */
  const readers = {};

  /** @param {Field} one */
  function control(one) {
    const value = values[one.name];
    const shared = { class: "field", name: one.name, required: one.required };
    if (one.kind === "element") return one.element;
    if (one.kind === "select") {
      const select = h("select", shared, (one.options ?? []).map(([key, text]) => h("option", { value: key, text, selected: key === String(value ?? "") })));
      readers[one.name] = () => select.value || null;
      return select;
    }
    if (one.kind === "many") {
      const select = h("select", { ...shared, multiple: true, size: 4 }, (one.options ?? []).map(([key, text]) => h("option", { value: key, text, selected: (value ?? []).includes(key) })));
      readers[one.name] = () => [...select.selectedOptions].map((option) => option.value);
      return select;
    }
    if (one.kind === "check") {
      const box = h("input", { type: "checkbox", name: one.name, checked: Boolean(value) });
      readers[one.name] = () => box.checked;
      return h("span", { class: "choices" }, h("label", {}, box, one.hint ?? one.label));
    }
    if (one.kind === "checks") {
      const boxes = (one.options ?? []).map(([key, text]) => ({ key, text, box: h("input", { type: "checkbox", value: key, checked: (value ?? []).includes(key) }) }));
      readers[one.name] = () => boxes.filter(({ box }) => box.checked).map(({ key }) => key);
      return h("span", { class: "choices" }, boxes.map(({ box, text }) => h("label", {}, box, text)));
    }
    if (one.kind === "words") {
      const area = h("textarea", { ...shared, maxLength: one.most ?? 4000, placeholder: one.hint ?? "" });
      area.value = value ?? "";
      readers[one.name] = () => area.value.trim();
      return area;
    }
    const type = one.kind ?? "text";
    const input = h("input", { ...shared, type, placeholder: one.hint ?? "", ...(type === "number" ? { min: "0", step: one.step ?? "1" } : { maxLength: one.most ?? 200 }) });
    input.value = value ?? "";
    readers[one.name] = () => (type === "number" ? (input.value === "" ? null : Number(input.value)) : type === "text" ? input.value.trim() : input.value || null);
    return input;
  }

  const work = async (/** @type {() => Promise<void>} */ task) => {
    problem.hidden = true;
    submit.disabled = true;
    try {
      await task();
      dialog.close();
    } catch (error) {
      problem.textContent = /** @type {Error} */ (error).message;
      problem.hidden = false;
      problem.scrollIntoView({ block: "nearest" });
    } finally {
      submit.disabled = false;
    }
  };
  fill(dialog, h("form", { on: { submit: (/** @type {Event} */ event) => {
    event.preventDefault();
    void work(() => save(Object.fromEntries(Object.entries(readers).map(([name, read]) => [name, read()]))));
  } } },
    h("h2", { text: title }),
    h("div", { class: "form-grid" }, fields.map((one) => h(one.kind === "checks" || one.kind === "check" || one.kind === "element" ? "div" : "label", { class: one.wide || one.kind === "words" || one.kind === "checks" ? "wide" : null }, h("span", { class: "note", text: one.kind === "check" ? "" : one.label }), control(one)))),
    problem,
    h("div", { class: "form-foot" },
      remove && h("button", { type: "button", class: "button", text: t("com.remove"), on: { click: () => { if (confirm(t("com.removeAsk"))) void work(remove); } } }),
      h("button", { type: "button", class: "button", text: t("com.cancel"), on: { click: () => dialog.close() } }), submit)));
  dialog.showModal();
}

/** What a place field says, as a request takes it. @param {ReturnType<typeof import("../where.js").whereField>} where */
export function positionOf(where) {
  const at = where.read();
  return at ? { lon: at.lon, lat: at.lat, crs: at.crs } : {};
}
