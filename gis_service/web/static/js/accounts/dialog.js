/** The dialog in which accounts are made and changed: nothing typed is lost unasked, and the focus goes back. */

import { byId, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { ROLES } from "./people.js";

let typed = false;

/** Something was typed that nobody sent yet, or (false) there is nothing any more. @param {boolean} now */
export const setTyped = (now) => { typed = now; };

/**
 * @param {string} title
 * @param {import("../dom.js").Child[]} children
 */
export function openDialog(title, children) {
  const dialog = byId("dialog");
  const from = /** @type {HTMLElement|null} */ (document.activeElement);
  typed = false;
  drawDialog(title, children);
  dialog.onkeydown = (/** @type {KeyboardEvent} */ event) => {
    // a browser lets nobody hold the second Escape back: leaving is ours alone
    if (event.key !== "Escape") return;
    event.preventDefault();
    leave();
  };
  dialog.oncancel = (/** @type {Event} */ event) => { if (event.cancelable && typed) { event.preventDefault(); leave(); } };
  // looking for a name is no change
  dialog.oninput = (/** @type {any} */ event) => { if (event.target.type !== "search") typed = true; };
  dialog.addEventListener("close", () => {
    document.body.append(byId("messages"));
    fill(dialog); // a password that was shown goes with it
    const name = from?.dataset.focus;
    const again = name && document.querySelector(`[data-focus="${CSS.escape(name)}"]`);
    /** @type {HTMLElement} */ (again || byId("account-new")).focus();
  }, { once: true });
  dialog.showModal();
  dialog.scrollTop = 0;
}

/** @param {string} title @param {import("../dom.js").Child[]} children */
export function drawDialog(title, children) {
  // messages lie behind a dialog unless they are in it
  fill(byId("dialog"), h("h2", { id: "dialog-title", tabIndex: -1, text: title }), children, byId("messages"));
  byId("dialog").scrollTop = 0;
}

/** Closes the dialog; asks first where something was typed. */
export function leave() {
  if (typed && !confirm(t("accounts.leaveSure"))) return;
  byId("dialog").close();
}

/**
 * The choice of a role, with what it may do.
 * @param {string} before
 * @param {(role: string) => void} changed
 */
export function roleField(before, changed) {
  const hint = h("p", { class: "note", id: "role-hint", "aria-live": "polite" });
  const select = h("select", {
    class: "field", id: "role", name: "role", "aria-describedby": "role-hint role-problem",
    on: { change: () => { show(); changed(select.value); } },
  }, !before && h("option", { value: "", text: t("accounts.choose") }),
  Object.keys(ROLES).map((role) => h("option", { value: role, text: t(`accounts.role.${role}`), selected: role === before })));
  const show = () => { hint.textContent = select.value ? t(`accounts.roleMay.${select.value}`) : t("accounts.roleHint"); };
  show();
  return h("div", { class: "own-field" }, h("label", { for: "role", text: t("accounts.role") }), select, hint, h("p", { class: "problem", id: "role-problem", hidden: true }));
}

/**
 * Whether an account without a part of the district is meant to see all of it.
 * @param {string} role @param {any[]} scopes
 */
export const everywhereMeant = (role, scopes) =>
  !ROLES[role] || scopes.length > 0 || confirm(t("accounts.everywhereSure", { role: t(`accounts.role.${role}`), level: t(`accounts.level.${ROLES[role]}`) }));
