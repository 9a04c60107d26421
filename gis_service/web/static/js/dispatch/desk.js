/** What the console holds: who is signed in, what is asked for, which rows are here. */

import { address, getJSON, isAbort, latest } from "../api.js";
import { complain } from "../messages.js";
import { t } from "../i18n.js";
import { now, startOfDay } from "./clock.js";
import { countable, filterQuery, matches, noFilters, order, TABS, tabOf } from "./query.js";

/**
 * @typedef {import("./query.js").Incident} Incident
 * @typedef {{name: string, display_name: string, role: string, role_name: {zh: string, en: string},
 *   scopes: {level: string, code: string}[], permissions: string[]}} Session
 * @typedef {{code: string, name: string, name_en?: string}} Unit
 */

export const desk = {
  /** @type {Session} */
  session: /** @type {any} */ (null),
  /** @type {Unit[]} */
  units: [],
  /** @type {Unit[]} */
  squads: [],
  /** @type {import("../app.js").IncidentClass[]} */
  classes: [],
  tab: "verify",
  sort: tabOf("verify").sort,
  filters: noFilters(),
  /** @type {Incident[]} in order */
  rows: [],
  /** @type {string|null} of the following page */
  next: null,
  busy: false,
  /** @type {string} why the list could not be read */
  failed: "",
  /** @type {number|null} the row the keys act on */
  cursor: null,
  /** @type {number|null} the incident in the drawer */
  open: null,
  /** @type {Set<number>} */
  checked: new Set(),
  /** @type {Set<number>} arrived while the page was open, not opened yet */
  fresh: new Set(),
  /** @type {Set<number>} of these, those that arrived just now */
  arriving: new Set(),
  /** @type {Record<string, number>} by tab */
  counts: {},
};

const FIRST = 100;
const AHEAD = 400; // fetched behind the first page, for the map
const signal = latest();
const counting = latest();
/** @type {Record<string, ((detail?: any) => void)[]>} */
const listeners = {};

/**
 * Calls `listener` on each `name`: rows (the list changed), moved (cursor or open row), asked (tab,
 * order or filters changed), counts, arrived (with the new incidents), changed (with incidents as
 * they are now).
 * @param {"rows"|"moved"|"asked"|"counts"|"arrived"|"changed"|"checked"} name
 * @param {(detail?: any) => void} listener
 */
export const on = (name, listener) => void (listeners[name] ??= []).push(listener);

/** @param {string} name @param {any} [detail] */
export function tell(name, detail) {
  for (const listener of listeners[name] ?? []) listener(detail);
}

/** @param {string} permission */
export const may = (permission) => desk.session.permissions.includes(permission);

/** @param {number|null} id @returns {Incident|undefined} */
export const rowOf = (id) => desk.rows.find((row) => row.id === id);

/** @returns {import("../api.js").Query} */
export const query = () => ({ ...tabOf(desk.tab).query, ...filterQuery(desk.filters), sort: desk.sort });

/**
 * Asks for another tab, order or filters and loads.
 * @param {{tab?: string, sort?: string, filters?: Partial<import("./query.js").Filters>}} asked
 */
export function ask({ tab, sort, filters }) {
  if (tab && tab !== desk.tab) {
    desk.tab = tab;
    desk.sort = tabOf(tab).sort;
  }
  if (sort) desk.sort = sort;
  if (filters) desk.filters = { ...desk.filters, ...filters };
  desk.rows = [];
  desk.next = null;
  desk.cursor = null;
  desk.checked.clear();
  tell("asked");
  tell("rows", { anew: true });
  tell("checked");
  void load();
  void count();
}

/** Reads the list from its beginning, as far as it was read before; what is shown stays until then. */
export async function load() {
  const one = signal();
  const much = Math.min(1000, Math.max(FIRST, desk.rows.length));
  desk.busy = true;
  desk.failed = "";
  tell("rows");
  try {
    const page = await getJSON("/api/incidents", { ...query(), limit: much }, { signal: one });
    desk.rows = page.items;
    desk.next = page.next;
    desk.busy = false;
    tell("rows");
    if (page.next && much === FIRST) await more(AHEAD, one);
  } catch (error) {
    if (isAbort(error)) return;
    desk.busy = false;
    desk.failed = /** @type {Error} */ (error).message;
    tell("rows");
  }
}

/** Reads the following page. @param {number} [limit] @param {AbortSignal} [one] */
export async function more(limit = 200, one = undefined) {
  if (!desk.next || desk.busy) return;
  const mine = one ?? signal();
  const cursor = desk.next;
  desk.busy = true;
  tell("rows");
  try {
    const page = await getJSON("/api/incidents", { ...query(), limit, cursor }, { signal: mine });
    const known = new Set(desk.rows.map((row) => row.id));
    desk.rows = [...desk.rows, ...page.items.filter((/** @type {Incident} */ row) => !known.has(row.id))];
    desk.next = page.next;
  } catch (error) {
    if (isAbort(error)) return;
    complain(t("dispatch.list"), error, () => void more(limit));
  } finally {
    if (!mine.aborted) {
      desk.busy = false;
      tell("rows");
    }
  }
}

/**
 * Takes over incidents as they are now. Rows that came, went or moved are told as one change.
 * @param {Incident[]} items @param {number[]} [gone]
 */
export function apply(items, gone = []) {
  const tab = tabOf(desk.tab);
  const compare = order(desk.sort);
  const known = new Map(desk.rows.map((row) => [row.id, row]));
  const arrived = items.filter((item) => item.version === 1 && !known.has(item.id));
  for (const { id } of arrived) {
    desk.fresh.add(id);
    desk.arriving.add(id);
    window.setTimeout(() => desk.arriving.delete(id), 1500);
  }
  const current = items.filter((item) => (known.get(item.id)?.version ?? 0) <= item.version);
  const touched = new Set([...current.map((item) => item.id), ...gone]);
  const rows = desk.rows.filter((row) => !touched.has(row.id));
  const last = rows.at(-1);
  for (const item of current) {
    if (!matches(item, tab, desk.filters, now(), startOfDay)) continue;
    // what lies behind the rows read so far comes with its page
    if (desk.next && last && compare(item, last) > 0) continue;
    const at = rows.findIndex((row) => compare(item, row) < 0);
    rows.splice(at < 0 ? rows.length : at, 0, item);
  }
  desk.rows = rows;
  for (const id of [...desk.checked]) if (touched.has(id) && !rowOf(id)) desk.checked.delete(id);
  for (const item of items) if (item.state !== "reported") desk.fresh.delete(item.id);
  tell("rows");
  tell("checked");
  tell("changed", { items: current, gone });
  if (arrived.length) tell("arrived", arrived);
  countSoon();
}

let soon = 0;
/** A storm of changes asks for counts once a second, not once a change. */
function countSoon() {
  if (!soon) soon = window.setTimeout(() => { soon = 0; void count(); }, 1000);
}

/** Asks how many each tab holds; nothing is claimed where the service cannot count. */
export async function count() {
  const one = counting();
  if (!countable(desk.filters)) {
    desk.counts = {};
    tell("counts");
    return;
  }
  const filters = filterQuery(desk.filters);
  try {
    const counted = await Promise.all(TABS.map(async ({ id, query: { unplaced, ...asked } }) => {
      const answer = await getJSON("/api/incidents/count", { ...asked, ...filters }, { signal: one });
      return [id, unplaced ? answer.unplaced : answer.count];
    }));
    desk.counts = Object.fromEntries(counted);
    tell("counts");
  } catch (error) {
    if (!isAbort(error)) console.warn(address("/api/incidents/count"), /** @type {Error} */ (error).message);
  }
}

/** Opens an incident in the drawer; null closes it. @param {number|null} id */
export function open(id) {
  desk.open = id;
  if (id !== null) {
    desk.fresh.delete(id);
    if (rowOf(id)) desk.cursor = id;
  }
  tell("moved");
}
