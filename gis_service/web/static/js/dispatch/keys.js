/** What the keyboard does, and the list of it. */

import { byId, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { uncheck } from "./bulk.js";
import { current, start } from "./case.js";
import { ask, desk, may, on, open } from "./desk.js";
import { closeForm, formOpen } from "./form.js";
import { stopPicking } from "./ground.js";
import { step, toggleCursor } from "./inbox.js";
import { printCase } from "./print.js";
import { TABS } from "./query.js";
import { closeReport, openReport, reportOpen } from "./report.js";
import { ACTIONS, actionOfKey } from "./workflow.js";
import { word } from "./row.js";

/** @type {string|null} what to do once the incident that was opened for it is read */
let then = null;

export function startKeys() {
  document.addEventListener("keydown", pressed);
  byId("keys-button").addEventListener("click", help);
  on("moved", () => { if (desk.open === null) then = null; });
}

/** @param {Element} element */
const writes = (element) => element.matches("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.isComposing || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = /** @type {Element} */ (event.target);
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") {
    if (target.id === "inbox-search" && /** @type {HTMLInputElement} */ (target).value) return;
    if (stopPicking() || closeForm() || closeReport() || uncheck()) event.preventDefault();
    else if (desk.open !== null) open(null);
    byId("rows").focus({ preventScroll: true });
    return;
  }
  if (writes(target)) return;
  const inList = target === document.body || target.closest("#rows") !== null;
  const work = does(event, inList);
  if (!work) return;
  event.preventDefault();
  work();
}

/** @param {KeyboardEvent} event @param {boolean} inList @returns {(() => void)|null} */
function does(event, inList) {
  const { key } = event;
  if (key === "j" || (key === "ArrowDown" && inList)) return () => step(1);
  if (key === "k" || (key === "ArrowUp" && inList)) return () => step(-1);
  if (inList && key === "PageDown") return () => step(8);
  if (inList && key === "PageUp") return () => step(-8);
  if (inList && key === "Home") return () => step(-Infinity);
  if (inList && key === "Enter" && desk.cursor !== null) return () => open(desk.cursor);
  if (key === "x" || (key === " " && inList)) return toggleCursor;
  if (key === "/") return () => { byId("inbox-search").focus(); byId("inbox-search").select(); };
  if (key === "?") return help;
  if (key === "n" && may("incident.report")) return openReport;
  if (key === "P") return () => { if (current()) printCase(current()); };
  if (/^[1-9]$/.test(key) && TABS[Number(key) - 1]) return () => ask({ tab: TABS[Number(key) - 1].id });
  const action = actionOfKey(key);
  if (action && !formOpen() && !reportOpen()) return () => begin(action);
  return null;
}

/** @param {string} action on the incident in the drawer, else on the row at the cursor */
function begin(action) {
  if (desk.open !== null && current()?.id === desk.open) {
    start(action);
    return;
  }
  const id = desk.open ?? desk.cursor;
  if (id === null) return;
  then = action;
  if (desk.open === null) open(id);
  const wait = window.setInterval(() => {
    if (then !== action || desk.open !== id) clearInterval(wait);
    else if (current()?.id === id) {
      clearInterval(wait);
      then = null;
      start(action);
    }
  }, 30);
}

function help() {
  const dialog = byId("keys");
  /** @type {[string, string][]} */
  const rows = [
    ["j k ↓ ↑", t("dispatch.keys.step")], ["Enter", t("dispatch.keys.open")], ["x", t("dispatch.keys.choose")],
    ["1 – 8", t("dispatch.keys.tabs")], ["/", t("dispatch.keys.search")], ["n", t("dispatch.report")],
    ...Object.entries(ACTIONS).filter(([, row]) => row.key).map(([action, row]) => /** @type {[string, string]} */ ([row.key, word("action", action)])),
    ["P", t("dispatch.print")], ["Esc", t("dispatch.keys.close")], ["?", t("dispatch.keys")],
  ];
  fill(dialog, h("h2", { text: t("dispatch.keys") }),
    h("dl", { class: "key-list" }, rows.map(([key, what]) => h("div", {}, h("dt", {}, key.split(" ").map((one) => (one === "–" ? "–" : h("kbd", { text: one })))), h("dd", { text: what })))),
    h("div", { class: "form-foot" }, h("button", { type: "button", class: "button", autofocus: true, text: t("dispatch.close"), on: { click: () => dialog.close() } })));
  dialog.showModal();
}
