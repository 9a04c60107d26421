/** One account: its facts, its password, and whether it may sign in. */

import { send } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { dateTime, t } from "../i18n.js";
import { say } from "../messages.js";
import { field, form, leaveButton } from "../own_account/forms.js";
import { everywhereMeant, leave, openDialog, roleField, setTyped } from "./dialog.js";
import { isOwn, keep, ROLES } from "./people.js";
import { placeChoice, samePlaces } from "./places.js";
import { handOver, secretField } from "./secret.js";
import { tags } from "./tags.js";

/** @typedef {import("./people.js").Account} Account */

/**
 * What is done with one press and a question before it.
 * @type {{id: string, change: any, offered: (account: Account) => any, danger?: boolean}[]}
 */
const ACTS = [
  { id: "unlock", change: { unlock: true }, offered: ({ locked_until }) => locked_until },
  { id: "on", change: { active: true }, offered: ({ active }) => !active },
  { id: "noFactor", change: { totp: false }, offered: ({ totp }) => totp, danger: true },
  { id: "unlink", change: { oidc: false }, offered: ({ oidc }) => oidc, danger: true },
  { id: "off", change: { active: false }, offered: ({ active }) => active, danger: true },
];

/** @param {Account} account @param {() => void} changed draws the list anew */
export function openChange(account, changed) {
  let now = account;
  const own = isOwn(account);
  const state = h("section", { class: "account-state", id: "account-state", tabIndex: -1, "aria-label": t("accounts.state") });

  /** @param {any} change */
  async function patch(change) {
    now = await send("PATCH", `/api/accounts/${account.id}`, change);
    keep(now);
    changed();
    drawState();
  }

  /** @param {typeof ACTS[0]} act */
  async function perform({ id, change }) {
    const name = now.display_name;
    if (!confirm(own && id === "off" ? t("accounts.offOwnSure") : t(`accounts.sure.${id}`, { name }))) return;
    try {
      await patch(change);
      // whose own session has just ended sees this page no longer
      if (own && id === "off") return location.assign("/login");
      drawState({ done: t(`accounts.done.${id}`, { name }) });
      state.focus();
    } catch (error) {
      drawState({ problem: /** @type {Error} */ (error).message });
    }
  }

  /** @param {{done?: string, problem?: string}} [told] what just happened */
  function drawState({ done, problem } = {}) {
    fill(state,
      h("p", { class: "note", text: t("accounts.since", { name: now.name, when: dateTime(now.created_at) }) }),
      tags(now),
      done && h("p", { class: "done", role: "status", text: done }),
      problem && h("p", { class: "problem", role: "alert", text: problem }),
      h("div", { class: "actions" }, ACTS.filter(({ id, offered }) => offered(now) && !(own && id === "noFactor")).map((act) => h("button", {
        type: "button", class: act.danger ? "button danger" : "button", text: t(`accounts.act.${act.id}`), on: { click: () => void perform(act) },
      }))));
  }

  const places = placeChoice(account.scopes, account.scopes[0]?.level ?? ROLES[account.role], () => setTyped(true));
  const facts = form([
    field("display_name", t("accounts.displayName"), { required: true, maxlength: "100", value: account.display_name }),
    roleField(account.role, (role) => places.lead(ROLES[role])),
    places.element,
  ], t("accounts.save"), async (given) => {
    const change = differences(now, { display_name: given.display_name.trim(), role: given.role, scopes: places.read() });
    const role = change.role ?? now.role;
    if (change.scopes || change.role) if (!everywhereMeant(role, places.read())) return byId("places-search").focus();
    if (own && change.role && !confirm(t("accounts.roleOwnSure", { role: t(`accounts.role.${role}`) }))) return;
    if (Object.keys(change).length) await patch(change);
    // who gave up managing accounts may not see this page any more
    if (own && change.role) return location.assign("/");
    const told = t("accounts.saved", { name: now.display_name });
    const unsent = /** @type {HTMLInputElement|null} */ (byId("dialog").querySelector("input[name=password]"));
    if (unsent?.value) {
      drawState({ done: told });
      return unsent.focus();
    }
    say(told);
    byId("dialog").close();
  }, { also: leaveButton(t("accounts.cancel"), leave) });

  const unsaved = () => {
    const given = new FormData(facts);
    return Object.keys(differences(now, { display_name: String(given.get("display_name")).trim(), role: String(given.get("role")), scopes: places.read() })).length > 0;
  };
  drawState();
  openDialog(t("accounts.changeOf", { name: account.display_name }), [state, facts, own ? ownPassword() : newPassword(account, patch, unsaved)]);
}

/** What is given otherwise than it is. @param {Account} now @param {{display_name: string, role: string, scopes: import("./people.js").Scope[]}} given */
function differences(now, given) {
  /** @type {any} */
  const change = {};
  if (given.display_name !== now.display_name) change.display_name = given.display_name;
  if (given.role !== now.role) change.role = given.role;
  if (!samePlaces(given.scopes, now.scopes)) change.scopes = given.scopes;
  return change;
}

const ownPassword = () => h("p", { class: "note" }, t("accounts.ownPassword"), " ", h("a", { href: "/account", text: t("pages.account") }));

/** @param {Account} account @param {(change: any) => Promise<void>} patch @param {() => boolean} unsaved whether the facts are changed but not sent */
function newPassword(account, patch, unsaved) {
  const box = h("details", { class: "fold account-password" }, h("summary", { text: t(account.password ? "accounts.newPassword" : "accounts.firstPassword") }));
  const made = form([h("p", { class: "note", text: t("accounts.newPasswordNote") }), secretField(t("accounts.password"))], t("accounts.setPassword"), async ({ password }) => {
    if (!confirm(t("accounts.setPasswordSure", { name: account.display_name }))) return;
    await patch({ password });
    made.replaceWith(h("div", { class: "account-handed", tabIndex: -1 }, h("p", { class: "done", role: "status", text: t("accounts.passwordSet", { name: account.display_name }) }), handOver(account.name, password)));
    setTyped(unsaved());
    byId("dialog").querySelector(".account-handed").focus();
  });
  box.append(made);
  return box;
}
