/** A text field that offers what fits: a combo box for long lists, by keyboard and pointer. */

import { isAbort } from "../api.js";
import { debounce, fill, h } from "../dom.js";
import { t } from "../i18n.js";

/** @typedef {{code: string, name: string, note?: string}} Choice */

let count = 0;

/**
 * @param {{find: (text: string) => Promise<Choice[]>, choose: (choice: any) => void, id?: string,
 *   value?: string, placeholder?: string, keep?: boolean, label?: string}} options `keep` leaves the
 *   chosen name in the field, otherwise it is emptied for the next choice
 * @returns {HTMLElement}
 */
export function chooser({ find, choose, id, value = "", placeholder = "", keep = false, label }) {
  const name = `chooser-${count += 1}`;
  /** @type {Choice[]} */
  let choices = [];
  let at = -1;
  let asked = 0;
  const list = h("ul", { class: "choices", id: name, role: "listbox", hidden: true });
  const input = h("input", {
    class: "field", id, value, placeholder, "aria-label": label, role: "combobox", autocomplete: "off", spellcheck: false,
    "aria-expanded": "false", "aria-controls": name, "aria-autocomplete": "list",
    on: {
      focus: () => { if (!keep || !input.value) void look(); },
      input: debounce(() => void look(), 120),
      blur: () => window.setTimeout(() => shut(), 150),
      keydown: keys,
    },
  });

  const shut = () => {
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const take = (/** @type {Choice} */ choice) => {
    input.value = keep ? choice.name : "";
    shut();
    choose(choice);
  };
  const mark = () => {
    for (const [index, item] of [...list.children].entries()) {
      item.setAttribute("aria-selected", String(index === at));
      if (index === at) item.scrollIntoView({ block: "nearest" });
    }
    if (at >= 0) input.setAttribute("aria-activedescendant", `${name}-${at}`);
  };
  async function look() {
    const mine = (asked += 1);
    try {
      const found = (await find(input.value.trim())).slice(0, 30);
      if (mine !== asked || document.activeElement !== input) return;
      choices = found;
      at = input.value.trim() && choices.length ? 0 : -1;
      fill(list, choices.length ? choices.map((choice, index) => h("li", {
        id: `${name}-${index}`, role: "option", on: { pointerdown: (/** @type {Event} */ event) => { event.preventDefault(); take(choice); } },
      }, h("span", { text: choice.name }), h("span", { class: "note", text: choice.note ?? (choice.code === choice.name ? "" : choice.code) })))
        : h("li", { class: "note", text: t("dispatch.noMatch") }));
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
      mark();
    } catch (error) {
      if (isAbort(error)) return;
      fill(list, h("li", { class: "note", text: /** @type {Error} */ (error).message }));
      list.hidden = false;
    }
  }
  /** @param {KeyboardEvent} event */
  function keys(event) {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) { void look(); return; }
      if (choices.length) at = (at + (event.key === "ArrowDown" ? 1 : choices.length - 1)) % choices.length;
      mark();
    } else if (event.key === "Enter" && !list.hidden && choices[at]) {
      event.preventDefault();
      take(choices[at]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      shut();
    }
  }
  return h("span", { class: "chooser" }, input, list);
}
