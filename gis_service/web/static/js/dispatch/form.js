/** The form of one action: its fields, what was refused and why, what others did meanwhile. */

import { byId, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { say } from "../messages.js";
import { act, advice, isRunning, told } from "./acting.js";
import { makeField, remember } from "./fields.js";
import { word } from "./row.js";
import { ACTIONS } from "./workflow.js";

/** @type {{action: string, item: any, fields: import("./fields.js").Field[], reload: () => Promise<any>}|null} */
let open = null;

/** @returns {boolean} */
export const formOpen = () => open !== null;

/**
 * @param {string} action @param {any} item the incident as it was read, with what the fields offer
 * @param {() => Promise<any>} reload reads the incident again and answers with it
 * @param {any} [problem] what was refused already
 */
export function openForm(action, item, reload, problem) {
  closeForm();
  const { needs, takes } = ACTIONS[action] ?? { needs: [], takes: ["note"] };
  const fields = [...needs, ...takes].map((kind) => makeField(kind, action, item, needs.includes(kind)));
  open = { action, item, fields, reload };
  const box = byId("case-form");
  const submit = h("button", { type: "submit", class: `button primary${ACTIONS[action]?.weighty ? " weighty" : ""}`, text: word("action", action) });
  fill(box, h("form", {
    noValidate: true, on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); void go(submit); } },
  },
  h("h3", { text: t("dispatch.form", { action: word("action", action), code: item.code }) }),
  h("div", { id: "form-note" }),
  fields.map((field) => field.element),
  h("div", { class: "form-foot" }, submit, h("button", { type: "button", class: "button", text: t("dispatch.cancel"), on: { click: () => closeForm() } }))));
  box.hidden = false;
  document.body.classList.add("has-form");
  if (problem) refuse(problem);
  for (const field of fields) field.begin?.();
  fields[0]?.focus?.();
}

/** @returns {boolean} whether there was one */
export function closeForm() {
  if (!open) return false;
  for (const field of open.fields) field.end?.();
  open = null;
  byId("case-form").hidden = true;
  fill(byId("case-form"));
  document.body.classList.remove("has-form");
  return true;
}

/** @param {HTMLButtonElement} submit */
async function go(submit) {
  if (!open || submit.disabled || isRunning(open.item.id, open.action)) return;
  const { action, item, fields, reload } = open;
  const needs = ACTIONS[action]?.needs ?? [];
  /** @type {Record<string, any>} */
  const values = {};
  for (const field of fields) {
    if (field.busy?.()) {
      note("refusal", h("p", { text: t("dispatch.stillUploading") }));
      return;
    }
    const given = field.read();
    if (given) Object.assign(values, given);
    else if (needs.includes(field.kind)) {
      note("refusal", h("p", { text: t("dispatch.fillIn", { field: t(`dispatch.needs.${field.kind}`) }) }));
      field.element.classList.add("missing");
      field.focus?.();
      return;
    }
    field.element.classList.remove("missing");
  }
  submit.disabled = true;
  try {
    const detail = await act(item, action, values);
    if (!detail) return;
    if (values.reason) remember(action, values.reason);
    closeForm();
    say(t("dispatch.done", { action: word("action", action), code: item.code }));
    await reload();
  } catch (error) {
    refuse(error);
  } finally {
    submit.disabled = false;
  }
}

/** @param {string} kind @param {...any} content */
function note(kind, ...content) {
  const box = byId("form-note");
  if (!box) return;
  box.className = kind;
  box.setAttribute("role", "alert");
  fill(box, ...content);
  box.scrollIntoView({ block: "nearest" });
}

/** Shows a refusal: why, what to do, and of a stale edit who did what meanwhile. @param {any} error */
function refuse(error) {
  const changes = error.problem?.changes;
  note("refusal",
    h("p", { text: error.message }),
    Array.isArray(changes) && changes.length > 0 && h("ul", { class: "changes" }, changes.map((row) => h("li", { text: told(row) }))),
    h("p", { class: "note", text: advice(error) }),
    (error.status === 409 || error.status === 404) && again());
}

/** Somebody changed the incident while its form is open. */
export const warnChanged = () => note("refusal", h("p", { text: t("dispatch.changedMeanwhile") }), again());

/** Reads the incident anew; the form goes on with the new version where its action still leads on. */
function again() {
  return h("button", {
    type: "button", class: "button", text: t("dispatch.reload"), on: { click: async () => {
      if (!open) return;
      const { action, reload } = open;
      const item = await reload();
      if (!open || !item) return;
      open.item = item;
      if (item.actions.includes(action)) note("told", h("p", { text: t("dispatch.goOn") }), h("p", { class: "note", text: item.log.at(-1) ? told(item.log.at(-1)) : "" }));
      else {
        closeForm();
        say(t("dispatch.notNow", { action: word("action", action), state: t(`state.${item.state}`) }), { seconds: 6 });
      }
    } },
  });
}
