/** Small forms whose faults stand beside the field they are about, and what is shown only once. */

import { ApiError } from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { complain, say } from "../messages.js";

let count = 0;

/**
 * A labelled input with room for a hint and for what is wrong with it.
 * @param {string} name what the service calls it
 * @param {string} words
 * @param {import("../dom.js").Props} [props] of the input
 * @param {string} [hint]
 */
export function field(name, words, props = {}, hint = "") {
  const id = `own-field-${++count}`;
  return h("div", { class: "own-field" },
    h("label", { for: id, text: words }),
    h("input", { class: "field", id, name, autocomplete: "off", "aria-describedby": `${id}-hint ${id}-problem`, ...props }),
    h("p", { class: "note", id: `${id}-hint`, text: hint, hidden: !hint }),
    h("p", { class: "problem", id: `${id}-problem`, hidden: true }));
}

/**
 * A form; `work` gets what was typed and may throw. A fault is told at its field, else at the end of
 * the form; what was typed stays.
 * @param {import("../dom.js").Child[]} fields
 * @param {string} words on the button
 * @param {(given: Record<string, string>, form: HTMLFormElement) => Promise<void>} work
 * @param {{also?: import("../dom.js").Child, aliases?: Record<string, string>, [attribute: string]: any}} [options] `also` stands beside the button, `aliases` are fields the service calls otherwise
 * @returns {HTMLFormElement}
 */
export function form(fields, words, work, { also, aliases = {}, ...attributes } = {}) {
  const button = h("button", { class: "button primary", text: words });
  const problem = h("p", { class: "problem form-problem", role: "alert", hidden: true });
  const made = h("form", {
    class: "own-form", noValidate: true, ...attributes,
    on: {
      submit: async (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        clear(made);
        problem.hidden = true;
        if (!complete(made)) return;
        button.disabled = true;
        try {
          await work(Object.fromEntries([...new FormData(made)].map(([name, value]) => [name, String(value)])), made);
        } catch (error) {
          if (error instanceof ApiError && error.status === 401) return void complain(words, error);
          const { where = "", message } = /** @type {ApiError} */ (error);
          const told = where && message.startsWith(`${where}: `) ? message.slice(where.length + 2) : message;
          if (!tell(made, aliases[where] ?? where, told)) {
            problem.textContent = told;
            problem.hidden = false;
          }
        } finally {
          button.disabled = false;
        }
      },
    },
  }, fields, problem, h("div", { class: "actions" }, button, also));
  return made;
}

/** @param {HTMLFormElement} form */
function clear(form) {
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const words of form.querySelectorAll(".own-field .problem")) /** @type {HTMLElement} */ (words).hidden = true;
}

/** Whether nothing that is wanted is missing; the first that is gets the focus. @param {HTMLFormElement} form */
function complete(form) {
  const lacking = /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll("input[required]")]).filter((input) => !input.value.trim());
  for (const input of lacking.reverse()) tell(form, input.name, t("own.missing"));
  return lacking.length === 0;
}

/**
 * Says at the field what is wrong with it; false where the form has no such field.
 * @param {HTMLFormElement} form @param {string} name @param {string} words
 */
export function tell(form, name, words) {
  const input = /** @type {HTMLInputElement|null} */ (name ? form.querySelector(`.own-field [name="${CSS.escape(name)}"]`) : null);
  if (!input) return false;
  const problem = /** @type {HTMLElement} */ (input.parentElement?.querySelector(".problem"));
  problem.textContent = words;
  problem.hidden = false;
  input.setAttribute("aria-invalid", "true");
  input.focus();
  return true;
}

/** @param {string} words @param {() => void} leave */
export const leaveButton = (words, leave) => h("button", { type: "button", class: "button", text: words, on: { click: leave } });

/**
 * A value to take elsewhere, with a button that copies it.
 * @param {string} words what it is @param {string} text @param {string} name
 */
export const copied = (words, text, name) => h("div", { class: "own-value" },
  h("span", { class: "note", text: words }),
  h("code", { data: { value: name }, text }),
  h("button", {
    type: "button", class: "button", text: t("own.copy"), "aria-label": t("own.copyWhat", { what: words }),
    on: { click: (/** @type {any} */ event) => void copy(event.currentTarget.previousElementSibling) },
  }));

/** Takes what an element says to the clipboard. @param {HTMLElement} element */
export async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent ?? "");
    say(t("own.copied"), { key: "copied" });
  } catch {
    // No clipboard without a secure origin: it is selected, to copy by hand.
    getSelection()?.selectAllChildren(element);
    say(t("own.copyByHand"), { key: "copied", seconds: 8 });
  }
}

/** Puts the focus where something new stands, once it is in the page. @param {HTMLElement} element */
export function lead(element) {
  element.focus({ preventScroll: true });
  element.scrollIntoView({ block: "nearest" });
}
