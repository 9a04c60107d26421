/** The audit log: who signed in, who changed accounts, who read personal data or took data home. */

import { address, getJSON, isAbort, latest } from "../api.js";
import { byId, fill, h, icon } from "../dom.js";
import { onTake } from "../exports/taking.js";
import { dateTime, known, language, listed, t } from "../i18n.js";
import { complain } from "../messages.js";
import { asked, auditQuery, people, writeAsked } from "./people.js";
import { placeWords } from "./places.js";

/**
 * @typedef {{id: number, at: string, account_id: number|null, actor: string, action: string, subject: string,
 *   success: boolean, address: string, detail: Record<string, any>|null}} Entry
 */

const ACTIONS = [
  "login", "logout", "account.locked", "account.add", "account.change", "account.password", "account.totp", "account.totp_off",
  "account.link", "token.add", "token.revoke", "personal.read", "export", "audit.purge",
];
const PAGE = 100;
const next = latest();
/** @type {Entry[]} */
let entries = [];
/** @type {string|null} */
let following = null;

/** @param {HTMLElement} view */
export async function openAudit(view) {
  if (!view.firstChild) build(view);
  // accounts may have been made since
  fill(byId("audit-actors"), people.accounts.map(({ name, display_name: words }) => h("option", { value: name, text: words })));
  await load();
}

/** @param {HTMLElement} view */
function build(view) {
  const change = (/** @type {"action"|"actor"|"from"|"to"} */ name) => ({ change: (/** @type {any} */ event) => { asked[name] = event.target.value.trim(); void load(); } });
  const day = (/** @type {"from"|"to"} */ name) => h("label", {}, t(`accounts.audit.${name}`), h("input", { class: "field", type: "date", id: `audit-${name}`, value: asked[name], on: change(name) }));
  fill(view,
    h("p", { class: "meaning", text: t("accounts.audit.meaning") }),
    h("form", { class: "figures-filters", "aria-label": t("accounts.audit.filters"), on: { submit: (/** @type {Event} */ event) => event.preventDefault() } },
      h("label", {}, t("accounts.audit.action"), h("select", { class: "field", id: "audit-action", on: change("action") },
        h("option", { value: "", text: t("accounts.any") }),
        ACTIONS.map((action) => h("option", { value: action, text: t(`accounts.did.${action}`), selected: action === asked.action })))),
      h("label", {}, t("accounts.audit.actor"), h("input", { class: "field", id: "audit-actor", value: asked.actor, list: "audit-actors", autocomplete: "off", maxlength: "100", placeholder: t("accounts.audit.actorHint"), on: change("actor") }),
        h("datalist", { id: "audit-actors" })),
      day("from"), day("to")),
    h("p", { class: "problem", id: "audit-problem", role: "alert", hidden: true }),
    h("div", { class: "table-head" },
      h("h2", { id: "audit-count", role: "status" }), h("span", { class: "note" }),
      h("a", { class: "button", id: "audit-export", download: true, on: { click: onTake } }, icon("download"), t("accounts.audit.export"))),
    h("div", { class: "scroll", id: "audit-scroll", tabIndex: 0, role: "region", "aria-labelledby": "audit-count" }, h("table", { class: "stacked", id: "audit" })),
    h("button", { type: "button", class: "button", id: "audit-more", hidden: true, text: t("accounts.audit.more"), on: { click: () => void load(true) } }));
}

/** @param {boolean} [more] behind what is shown already */
async function load(more = false) {
  const signal = next();
  writeAsked();
  const reversed = Boolean(asked.from && asked.to && asked.to < asked.from);
  byId("audit-problem").hidden = !reversed;
  byId("audit-problem").textContent = t("accounts.audit.reversed");
  if (reversed) return;
  byId("audit-export").setAttribute("href", address("/api/exports/audit.xlsx", { ...auditQuery(), lang: language() }));
  try {
    const page = await getJSON("/api/audit", { ...auditQuery(), limit: PAGE, cursor: more ? following : null }, { signal });
    const before = entries.length;
    entries = more ? [...entries, ...page.items] : page.items;
    following = page.next;
    draw();
    if (more) /** @type {HTMLElement} */ (byId("audit").querySelectorAll("tbody tr")[before])?.focus();
  } catch (error) {
    if (!isAbort(error)) complain(t("accounts.tab.audit"), error, () => void load(more));
  }
}

function draw() {
  const heads = ["at", "action", "who", "subject", "detail", "address"];
  byId("audit-count").textContent = t(following ? "accounts.audit.countMore" : "accounts.audit.count", { n: entries.length });
  byId("audit-more").hidden = !following;
  fill(byId("audit"),
    h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col", text: t(`accounts.audit.${name}`) })))),
    h("tbody", {}, entries.map(row), !entries.length && h("tr", {}, h("td", { class: "none", colSpan: heads.length, text: t("accounts.audit.none") }))));
}

/** @param {Entry} entry */
function row(entry) {
  const whole = ["action", "address"];
  const cell = (/** @type {string} */ name, /** @type {any[]} */ ...body) => h("td", {
    class: `words${whole.includes(name) ? " whole" : ""}${body[0] ? "" : " empty"}`, data: { head: t(`accounts.audit.${name}`) },
  }, body[0] ? body : "—");
  return h("tr", { tabIndex: -1, data: { entry: String(entry.id) } },
    h("th", { scope: "row", text: dateTime(entry.at) }),
    cell("action", known(`accounts.did.${entry.action}`) ? t(`accounts.did.${entry.action}`) : entry.action,
      !entry.success && h("span", { class: "tag bad", text: t("accounts.audit.failed") }), h("small", { text: entry.action })),
    cell("who", nameOf(entry.actor), h("small", { text: entry.actor })),
    cell("subject", entry.subject),
    cell("detail", detailWords(entry)),
    cell("address", entry.address));
}

/** The shown name of an account; none for the command line and strangers. @param {string} actor */
const nameOf = (actor) => people.accounts.find(({ name }) => name === actor)?.display_name ?? t("accounts.audit.noAccount");

/** What the entry tells beyond that, a line each: in words where there are any. @param {Entry} entry */
function detailWords({ detail }) {
  if (!detail) return null;
  return h("ul", {}, Object.entries(detail).filter(([, value]) => value !== null).map(([name, value]) => h("li", {
    text: t("accounts.audit.pair", { name: words("accounts.about", name), value: valueWords(name, value) }),
  })));
}

/** @param {string} prefix @param {string} name @returns {string} */
const words = (prefix, name) => (known(`${prefix}.${name}`) ? t(`${prefix}.${name}`) : name);

/** @param {string} name @param {any} value @returns {string} */
function valueWords(name, value) {
  const one = (/** @type {any} */ single) => {
    if (typeof single === "boolean") return t(single ? "accounts.yes" : "accounts.no");
    if (name === "role") return words("accounts.role", String(single));
    if (name === "why") return words("accounts.why", String(single));
    if (name === "scopes") return scopeWords(String(single));
    return typeof single === "object" ? JSON.stringify(single) : String(single);
  };
  if (name === "totp" || name === "oidc") return t("accounts.takenAway");
  if (name === "scopes" && !value.length) return t("accounts.everywhere");
  // a change tells what was and what is
  if (["role", "active", "display_name"].includes(name) && Array.isArray(value)) return t("accounts.audit.fromTo", { from: one(value[0]), to: one(value[1]) });
  return Array.isArray(value) ? listed(value.map(one)) : one(value);
}

/** @param {string} pair `level=code` */
function scopeWords(pair) {
  const [level, ...code] = pair.split("=");
  return placeWords({ level, code: code.join("=") });
}
