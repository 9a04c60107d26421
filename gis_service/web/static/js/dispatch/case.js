/** The drawer: one incident, kept up to date while it is open. */

import { getJSON, isAbort, latest } from "../api.js";
import { byId, fill, h, icon } from "../dom.js";
import { t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { act, advice } from "./acting.js";
import { closeForm, formOpen, openForm, warnChanged } from "./form.js";
import { desk, on, open, rowOf } from "./desk.js";
import { showIncident } from "./ground.js";
import { className } from "./names.js";
import { deadline, flags, stateTag } from "./row.js";
import { caseSections } from "./sections.js";
import { ACTIONS, grouped } from "./workflow.js";
import { word } from "./row.js";

const signal = latest();
/** @type {any} the incident shown, with what belongs to it */
let shown = null;
let more = false; // whether the rarer actions are unfolded

/** @returns {any} the incident in the drawer */
export const current = () => shown;

export function startCase() {
  on("moved", () => {
    if (desk.open === (shown?.id ?? null)) return;
    closeForm();
    if (desk.open === null) close();
    else void load(desk.open, true);
  });
  on("changed", ({ items, gone }) => {
    if (!shown) return;
    const item = items.find((/** @type {any} */ one) => one.id === shown.id);
    if (gone.includes(shown.id)) say(t("dispatch.case.gone", { code: shown.code }), { kind: "error", seconds: 8 });
    if (!item || (item.version <= shown.version && !item.actions)) return;
    // what is being filled in was meant for what was read: its writer decides
    if (formOpen()) warnChanged();
    else void load(shown.id, false);
  });
}

/** Reads the open incident again and answers with it; what is being typed stays. @returns {Promise<any>} */
export async function reload() {
  if (desk.open !== null) await load(desk.open, false);
  return shown;
}

function close() {
  signal();
  shown = null;
  byId("case").hidden = true;
  document.body.classList.remove("has-case");
  showIncident(null);
}

/** @param {number} id @param {boolean} anew another one than before */
async function load(id, anew) {
  const one = signal();
  const drawer = byId("case");
  drawer.hidden = false;
  document.body.classList.add("has-case");
  drawer.setAttribute("aria-busy", "true");
  if (anew) {
    more = false;
    shown = null;
    const row = rowOf(id);
    showIncident(row ?? null, true);
    // what the list knows already, at once
    fill(byId("case-head"), ...(row ? head(row) : [h("p", { class: "note", text: t("drawer.loading") })]));
    fill(byId("case-body"));
    fill(byId("case-actions"));
  }
  const base = `/api/incidents/${id}`;
  try {
    const [found, log, near] = await Promise.all([
      getJSON(base, {}, { signal: one }), getJSON(`${base}/log`, {}, { signal: one }),
      getJSON(`${base}/nearby`, { within_m: 300 }, { signal: one }),
    ]);
    shown = { ...found, log: log.items, near: near.items };
    draw(anew);
  } catch (error) {
    if (isAbort(error)) return;
    drawer.setAttribute("aria-busy", "false");
    fill(byId("case-body"), h("div", { class: "refusal", role: "alert" },
      h("p", { text: /** @type {Error} */ (error).message }), h("p", { class: "note", text: advice(error) }),
      h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => void load(id, anew) } })));
  }
}

/** @param {any} item @returns {HTMLElement[]} */
const head = (item) => [
  h("div", { class: "case-kind" }, h("span", { class: "row-code", text: item.code }), stateTag(item.state), flags(item)),
  h("h2", { text: className(item.class) }),
  h("div", { class: "case-tools" },
    h("button", { type: "button", class: "quiet", id: "case-print", title: t("dispatch.print"), "aria-label": t("dispatch.print") }, icon("print")),
    h("button", { type: "button", class: "quiet", id: "case-close", title: t("drawer.close"), "aria-label": t("drawer.close"), on: { click: () => open(null) } }, icon("close"))),
  h("div", { class: "case-due" }, deadline(item)),
];

/** @param {boolean} anew */
function draw(anew) {
  const drawer = byId("case");
  const body = byId("case-body");
  const { scrollTop } = body;
  const unfolded = new Set([...body.querySelectorAll("details[open]")].map((part) => part.id));
  const folded = new Set([...body.querySelectorAll("details:not([open])")].map((part) => part.id));
  drawer.setAttribute("aria-busy", "false");
  fill(byId("case-head"), ...head(shown));
  fill(body, ...caseSections(shown, { reload, place: () => start("place") }));
  for (const part of body.querySelectorAll("details")) {
    if (unfolded.has(part.id)) part.open = true;
    else if (!anew && folded.has(part.id)) part.open = false;
  }
  body.scrollTop = anew ? 0 : scrollTop;
  buttons();
  showIncident(shown, anew && shown.lon !== null);
}

/** What can be done: the next step first, rarer things behind one button. */
function buttons() {
  const { first, rest } = grouped(shown.state, shown.actions);
  const button = (/** @type {string} */ action, /** @type {string} */ kind) => h("button", {
    type: "button", class: `button ${kind}${ACTIONS[action]?.weighty ? " weighty" : ""}`, data: { action },
    title: ACTIONS[action]?.key ? t("dispatch.key", { key: ACTIONS[action].key }) : null,
    on: { click: () => start(action) },
  }, word("action", action), ACTIONS[action]?.key && h("kbd", { text: ACTIONS[action].key }));
  const few = rest.length <= 3 || !first.length;
  fill(byId("case-actions"),
    !shown.actions.length && h("p", { class: "note", text: t("dispatch.noActions") }),
    h("div", { class: "buttons" }, first.map((action, index) => button(action, index ? "" : "primary")),
      few ? rest.map((action) => button(action, ""))
        : h("button", {
          type: "button", class: "button more", "aria-expanded": String(more), text: t(more ? "dispatch.less" : "dispatch.more", { n: rest.length }),
          on: { click: () => { more = !more; buttons(); } },
        })),
    !few && more && h("div", { class: "buttons" }, rest.map((action) => button(action, ""))));
}

/**
 * Begins an action on the incident in the drawer: at once where there is nothing to choose, else
 * with its form.
 * @param {string} action
 */
export function start(action) {
  if (!shown || shown.id !== desk.open) return;
  if (!shown.actions.includes(action)) {
    say(t("dispatch.notNow", { action: word("action", action), state: t(`state.${shown.state}`) }), { key: "not-now", seconds: 5 });
    return;
  }
  const choice = action === "file" && shown.conditions.length > 1;
  if (ACTIONS[action]?.at_once && !choice) void atOnce(action);
  else openForm(action, shown, reload);
}

/** @param {string} action */
async function atOnce(action) {
  const item = shown;
  const pressed = byId("case-actions").querySelector(`[data-action="${action}"]`);
  if (pressed) pressed.disabled = true;
  try {
    const detail = await act(item, action, {});
    if (detail) say(t("dispatch.done", { action: word("action", action), code: item.code }));
  } catch (error) {
    if (/** @type {any} */ (error).status === 409 || /** @type {any} */ (error).status === 400) openForm(action, item, reload, error);
    else {
      const why = new Error([/** @type {Error} */ (error).message, advice(error)].filter(Boolean).join(" "));
      complain(word("action", action), why, () => void atOnce(action));
    }
  } finally {
    if (pressed) pressed.disabled = false;
  }
}
