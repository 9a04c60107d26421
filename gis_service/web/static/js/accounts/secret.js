/** A password to hand over: made by chance, shown once, copied. */

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { copied, field } from "../own_account/forms.js";

// without what looks alike on paper: 0 O o, 1 l I i
const KINDS = ["abcdefghjkmnpqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789"];
const LETTERS = KINDS.join("");
const GROUPS = 4, GROUP = 4;

/** Four groups of four, with a letter of each kind. */
export function strongSecret() {
  for (;;) {
    const letters = Array.from({ length: GROUPS * GROUP }, chance);
    if (!KINDS.every((kind) => letters.some((letter) => kind.includes(letter)))) continue;
    return Array.from({ length: GROUPS }, (_, at) => letters.slice(at * GROUP, (at + 1) * GROUP).join("")).join("-");
  }
}

function chance() {
  const byte = new Uint8Array(1);
  // the remainder would favour the first letters
  do crypto.getRandomValues(byte); while (byte[0] >= 256 - (256 % LETTERS.length));
  return LETTERS[byte[0] % LETTERS.length];
}

/** A field for a password that somebody else will use, so it is legible, with a button that makes one. @param {string} words */
export function secretField(words) {
  const made = field("password", words, { required: true, maxlength: "200", spellcheck: "false", autocapitalize: "off", class: "field secret" }, t("accounts.passwordHint"));
  const input = /** @type {HTMLInputElement} */ (made.querySelector("input"));
  const button = h("button", {
    type: "button", class: "button", text: t("accounts.makePassword"),
    on: {
      click: () => {
        input.value = strongSecret();
        input.dispatchEvent(new Event("input", { bubbles: true }));
        input.focus();
      },
    },
  });
  made.append(button);
  return made;
}

/** What is handed over with a new password. @param {string} name @param {string} password */
export const handOver = (name, password) => h("div", { class: "own-once" },
  h("p", { class: "own-warn", text: t("accounts.handOver") }),
  copied(t("accounts.name"), name, "name"), copied(t("accounts.password"), password, "password"),
  h("p", { class: "note", text: t("accounts.handOverNote") }));
