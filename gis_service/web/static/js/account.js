/** Who is signed in, as the page came with it, and the menu that says so. */

import { send } from "./api.js";
import { byId, fill, h } from "./dom.js";
import { onLanguage, pick, t } from "./i18n.js";
import { complain } from "./messages.js";

/**
 * @typedef {{name: string, display_name: string, role: {zh: string, en: string},
 *   permissions: string[]}} Account
 */

/** @type {Account|null} */
export const account = JSON.parse(document.body.dataset.account || "null");

/** @param {string} permission @returns {boolean} */
export const may = (permission) => account?.permissions.includes(permission) ?? false;

/** Where to sign in so as to come back to this very view. @returns {string} */
export const loginAddress = () =>
  `/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`;

/** A link to sign in. @param {string} text @param {string} [className] */
export const signInLink = (text, className = "link") => h("a", {
  class: className, href: loginAddress(), text,
  // the view may have moved since the link was made
  on: { click: (/** @type {any} */ event) => { event.currentTarget.href = loginAddress(); } },
});

export function startAccount() {
  byId("sign-in").addEventListener("click", (/** @type {any} */ event) => { event.currentTarget.href = loginAddress(); });
  if (!account) return;
  const button = byId("account-button");
  const menu = byId("account-menu");
  const open = (/** @type {boolean} */ shown) => {
    menu.hidden = !shown;
    button.setAttribute("aria-expanded", String(shown));
  };
  const draw = () => {
    const words = t("account.menu", { name: account.display_name, role: pick(account.role) });
    button.title = words;
    button.setAttribute("aria-label", words);
    fill(menu,
      h("p", {}, h("b", { text: account.display_name }),
        h("span", { class: "note", text: [account.name, pick(account.role)].join(" · ") })),
      may("incident.read") && h("a", { class: "menu-item", href: "/dispatch", text: t("dispatch.title") }),
      may("coverage.read") && h("a", { class: "menu-item", href: "/coverage", text: t("coverage.title") }),
      may("planning.read") && h("a", { class: "menu-item", href: "/planning", text: t("planning.title") }),
      may("metrics.read") && h("a", { class: "menu-item", href: "/figures", text: t("figures.title") }),
      may("community.read") && h("a", { class: "menu-item", href: "/communities", text: t("com.title") }),
      may("incident.report") && h("a", { class: "menu-item", href: "/field", text: t("field.title") }),
      may("self") && h("a", { class: "menu-item", href: "/watches", text: t("watches.title") }),
      may("self") && h("a", { class: "menu-item", href: "/account", text: t("own.title") }),
      h("button", { type: "button", class: "menu-item", id: "sign-out", text: t("account.signOut"), on: { click: () => signOut() } }));
  };
  draw();
  onLanguage(draw);
  button.addEventListener("click", () => open(menu.hidden));
  document.addEventListener("pointerdown", (event) => {
    const target = /** @type {Element} */ (event.target);
    if (!target.closest?.("#account-menu, #account-button")) open(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || menu.hidden) return;
    event.preventDefault();
    open(false);
    button.focus();
  });
}

/**
 * Ends the session and goes on to `next`, or loads the page anew; first to the OpenID provider where
 * a session that was begun there is to be ended, too.
 * @param {string} [next] @param {() => void} [ended] - done once the session has ended
 */
export async function signOut(next, ended) {
  try {
    const provider = (await send("DELETE", "/api/session"))?.provider;
    ended?.();
    if (provider ?? next) location.assign(provider ?? next);
    else location.reload();
  } catch (error) {
    complain(t("account.signOut"), error);
  }
}
