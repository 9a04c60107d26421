/** A form in the dialog that marks the field an answer complains of, and gives the focus back. */

import { openForm } from "../communities/forms.js";
import { byId } from "../dom.js";
import { t } from "../i18n.js";

/**
 * As `openForm`.
 * @param {string} title
 * @param {import("../communities/forms.js").Field[]} fields
 * @param {Record<string, any>} values
 * @param {(values: Record<string, any>) => Promise<void>} save
 * @param {{remove?: () => Promise<void>}} [options]
 */
export function form(title, fields, values, save, options) {
  const dialog = byId("dialog");
  const from = /** @type {HTMLElement|null} */ (document.activeElement);
  openForm(title, fields, values, async (given) => {
    for (const field of dialog.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    try {
      await save(given);
    } catch (error) {
      const { where, message } = /** @type {any} */ (error);
      const named = fields.find(({ name }) => name === where);
      if (!named) throw error;
      const field = dialog.querySelector(`[name="${named.name}"]`);
      field.setAttribute("aria-invalid", "true");
      field.focus();
      // the answer names the field as programs do
      throw new Error(t("duty.fieldProblem", { field: named.label, why: message.replace(`${where}: `, "") }));
    }
  }, options);
  // the list was drawn anew meanwhile: what opened the form may stand there again, or be gone
  dialog.addEventListener("close", () => {
    const name = from?.dataset.focus;
    const again = name && document.querySelector(`[data-focus="${CSS.escape(name)}"]`);
    /** @type {HTMLElement|null} */ (again || document.querySelector(".duty-view:not([hidden])"))?.focus();
  }, { once: true });
}
