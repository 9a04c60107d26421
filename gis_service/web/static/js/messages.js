/** Short messages at the foot of the page: what happened and what to do next. */

import { account, loginAddress } from "./account.js";
import { byId, fill, h, icon } from "./dom.js";
import { isAbort } from "./api.js";
import { t } from "./i18n.js";

/** @type {Map<string, HTMLElement>} */
const shown = new Map();

/**
 * Shows `text`; a message with the same `key` takes the place of the earlier one.
 * @param {string} text
 * @param {{key?: string, kind?: "info"|"error", retry?: () => void, again?: string, seconds?: number}} [options]
 *   `again` is the word on the button that retries
 */
export function say(text, { key = text, kind = "info", retry, again = t("error.retry"), seconds = kind === "error" ? 0 : 4 } = {}) {
  dismiss(key);
  const message = h("div", { class: `message ${kind}`, role: kind === "error" ? "alert" : null },
    h("span", { text }),
    retry && h("button", {
      type: "button", class: "link", text: again,
      on: { click: () => { dismiss(key); retry(); } },
    }),
    h("button", {
      type: "button", class: "quiet", "aria-label": t("message.close"),
      on: { click: () => dismiss(key) },
    }, icon("close")));
  shown.set(key, message);
  byId("messages").append(message);
  if (seconds) setTimeout(() => shown.get(key) === message && dismiss(key), seconds * 1000);
}

/** @param {string} key */
export function dismiss(key) {
  shown.get(key)?.remove();
  shown.delete(key);
}

/**
 * Shows what went wrong with `what` (a noun in the page's language), with a way to try again.
 * @param {string} what
 * @param {any} error
 * @param {() => void} [retry]
 */
export function complain(what, error, retry) {
  if (isAbort(error)) return;
  if (error.status === 401) {
    // whatever was asked for, signing in comes first
    say(t(account ? "account.ended" : "account.needed"), {
      key: "account", kind: "error", again: t("account.signIn"), retry: () => location.assign(loginAddress()),
    });
    return;
  }
  say(t("error.what", { what, why: error.message }), { key: `error:${what}`, kind: "error", retry });
}

/**
 * A full-page notice for when there is no map to show.
 * @param {string} title
 * @param {(Node|string)[]} body
 */
export function notice(title, ...body) {
  const box = byId("notice") ?? document.body.appendChild(h("section", { id: "notice", class: "notice", role: "alert" }));
  fill(box, h("h2", { text: title }), ...body);
}
