/** The list of accounts, narrowed by what is typed. */

import { address } from "../api.js";
import { byId, fill, h, icon } from "../dom.js";
import { onTake } from "../exports/taking.js";
import { language, t } from "../i18n.js";
import { openChange } from "./change.js";
import { openNew } from "./new.js";
import { asked, isOwn, people, ROLES, writeAsked } from "./people.js";
import { placeName, placeWords } from "./places.js";
import { tags } from "./tags.js";

/** @typedef {import("./people.js").Account} Account */

/** States by which people look for accounts. @type {Record<string, (account: Account) => boolean>} */
const STATES = {
  on: ({ active }) => active,
  off: ({ active }) => !active,
  locked: ({ locked_until }) => Boolean(locked_until),
  single: ({ oidc }) => oidc,
  noPassword: ({ password }) => !password,
  factor: ({ totp }) => totp,
  noFactor: ({ active, password, totp }) => active && password && !totp,
};
/** Most parts named in a row. */
const NAMED = 3;

/** @param {HTMLElement} view */
export function openList(view) {
  if (!view.firstChild) build(view);
  drawList();
}

/** @param {HTMLElement} view */
function build(view) {
  const change = (/** @type {"q"|"role"|"state"} */ name) => (/** @type {any} */ event) => {
    asked[name] = event.target.value;
    writeAsked();
    drawList();
  };
  const choice = (/** @type {"role"|"state"} */ name, /** @type {[string, string][]} */ options) => h("label", {}, t(`accounts.${name}`),
    h("select", { class: "field", id: `ask-${name}`, on: { change: change(name) } }, h("option", { value: "", text: t("accounts.any") }),
      options.map(([value, text]) => h("option", { value, text, selected: value === asked[name] }))));
  fill(view,
    h("form", { class: "figures-filters", role: "search", "aria-label": t("accounts.find"), on: { submit: (/** @type {Event} */ event) => event.preventDefault() } },
      h("label", { class: "accounts-find" }, t("accounts.find"), h("input", {
        class: "field", type: "search", id: "ask-q", value: asked.q, autocomplete: "off", placeholder: t("accounts.findHint"), on: { input: change("q") },
      })),
      choice("role", Object.keys(ROLES).map((role) => [role, t(`accounts.role.${role}`)])),
      choice("state", Object.keys(STATES).map((state) => [state, t(`accounts.stateIs.${state}`)]))),
    h("div", { class: "table-head" },
      h("h2", { id: "account-count", role: "status" }),
      h("span", { class: "note" }),
      h("a", { class: "button", id: "accounts-export", download: true, href: address("/api/exports/accounts.xlsx", { lang: language() }), on: { click: onTake } }, icon("download"), t("accounts.export")),
      h("button", { type: "button", class: "button primary", id: "account-new", data: { focus: "account-new" }, on: { click: () => openNew(drawList) } }, icon("plus"), t("accounts.new"))),
    h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-labelledby": "account-count" }, h("table", { class: "stacked", id: "accounts" })));
}

/** @param {Account} account */
function wanted(account) {
  const words = asked.q.trim().toLowerCase();
  const said = [account.name, account.display_name, ...account.scopes.flatMap((scope) => [placeName(scope), scope.code])];
  return (!words || said.some((text) => text.toLowerCase().includes(words)))
    && (!asked.role || account.role === asked.role)
    && (STATES[asked.state]?.(account) ?? true);
}

export function drawList() {
  const found = people.accounts.filter(wanted);
  byId("account-count").textContent = t("accounts.count", { n: found.length, all: people.accounts.length });
  const heads = ["account", "role", "scopes", "state"];
  fill(byId("accounts"),
    h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col", text: t(`accounts.${name}`) })),
      h("th", { scope: "col" }, h("span", { class: "visually-hidden", text: t("accounts.change") })))),
    h("tbody", {}, found.map(row),
      !found.length && h("tr", {}, h("td", { class: "none", colSpan: 5 }, h("p", { text: t("accounts.none") }), h("button", { type: "button", class: "button", text: t("accounts.showAll"), on: { click: showAll } })))));
}

function showAll() {
  Object.assign(asked, { q: "", role: "", state: "" });
  for (const name of ["q", "role", "state"]) byId(`ask-${name}`).value = "";
  writeAsked();
  drawList();
  byId("ask-q").focus();
}

/** @param {Account} account */
const row = (account) => h("tr", { class: account.active ? null : "off", data: { account: account.name } },
  h("th", { scope: "row" }, account.display_name, isOwn(account) && h("em", { text: t("accounts.own") }), h("small", { text: account.name })),
  h("td", { data: { head: t("accounts.role") }, text: t(`accounts.role.${account.role}`) }),
  h("td", { class: "words", data: { head: t("accounts.scopes") } }, scopeWords(account)),
  h("td", { class: "words", data: { head: t("accounts.state") } }, tags(account)),
  h("td", { class: "acts" }, h("button", {
    type: "button", class: "button small-button", text: t("accounts.change"), data: { focus: `account-${account.id}` },
    "aria-label": t("accounts.changeOf", { name: account.display_name }), on: { click: () => openChange(account, drawList) },
  })));

/** @param {Account} account */
function scopeWords({ scopes }) {
  if (!scopes.length) return h("span", { class: "note", text: t("accounts.everywhere") });
  const rest = scopes.length - NAMED;
  return [
    h("ul", {}, scopes.slice(0, NAMED).map((scope) => h("li", { text: placeWords(scope) }))),
    rest > 0 && h("small", { text: t("accounts.more", { n: rest }) }),
  ];
}
