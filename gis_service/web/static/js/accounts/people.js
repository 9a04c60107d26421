/** What the tabs share: the accounts, who looks at them, and what stands in the address. */

import { keepAsked } from "../asked.js";
import { getJSON } from "../api.js";
import { startOfDay } from "../dispatch/clock.js";
import { addDays } from "../i18n.js";

/**
 * @typedef {{level: string, code: string}} Scope
 * @typedef {{id: number, name: string, display_name: string, role: string, active: boolean, scopes: Scope[],
 *   password: boolean, totp: boolean, oidc: boolean, locked_until: string|null, created_at: string}} Account
 */

const PAGE = 1000;

/** @type {{accounts: Account[], own: number}} `own` is the account of who is signed in */
export const people = { accounts: [], own: 0 };

/** Roles, and the level of the part of the district that each is usually limited to. @type {Record<string, string>} */
export const ROLES = {
  admin: "", dispatcher: "", duty_chief: "", street_office: "street", squad_leader: "squad", officer: "squad",
  unit_handler: "unit", community_worker: "community", planner: "", viewer: "",
};

/** What is asked for, as it stands in the address; `to` is the last day. */
export const asked = { tab: "", q: "", role: "", state: "", action: "", actor: "", from: "", to: "" };

export function readAsked() {
  const given = new URLSearchParams(location.search);
  for (const name of /** @type {(keyof typeof asked)[]} */ (Object.keys(asked))) asked[name] = given.get(name) ?? "";
}

export const writeAsked = () => keepAsked(asked);

/** What of the audit log is asked for, as a request takes it. */
export const auditQuery = () => ({
  action: asked.action, actor: asked.actor,
  from: asked.from && new Date(startOfDay(asked.from)).toISOString(),
  to: asked.to && new Date(startOfDay(addDays(asked.to, 1))).toISOString(),
});

/** All accounts, page after page. */
export async function loadAccounts() {
  /** @type {Account[]} */
  const all = [];
  /** @type {string|null} */
  let cursor = null;
  do {
    const page = await getJSON("/api/accounts", { limit: PAGE, cursor });
    all.push(...page.items);
    cursor = page.next;
  } while (cursor);
  people.accounts = all;
}

/** Puts an account as the service told it last in the place of the one known. @param {Account} account */
export function keep(account) {
  const at = people.accounts.findIndex(({ id }) => id === account.id);
  if (at < 0) people.accounts.push(account);
  else people.accounts[at] = account;
}

/** @param {Account} account */
export const isOwn = ({ id }) => id === people.own;
