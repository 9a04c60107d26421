/** What the inbox can be asked for, and the same question answered for one incident in the page. */

import { ENDED } from "../app.js";

/**
 * @typedef {{id: number, code: string, state: string, version: number,
 *   class: {code: string, name: string}, source: string, external_id: string,
 *   street: Named, community: Named, grid: Named, building: Named, lon: number|null,
 *   lat: number|null, placement: {method: string, distance_m: number|null, candidates: any[]},
 *   reported_at: string, updated_at: string, due_at: string|null, due_explained: string|null,
 *   due_provisional: boolean, closed_at: string|null, unit: Named, squad: Named, urgent: boolean,
 *   supervised: boolean, is_order: boolean, quick: boolean, report_count: number,
 *   rework_count: number, merged_into: number|null, address: string|null,
 *   description: string|null}} Incident
 * @typedef {{code: string, name: string}|null} Named
 * @typedef {{q: string, class: string[], street: string[], community: string[], grid: string[],
 *   unit: string[], squad: string[], source: string[], urgent: boolean, supervised: boolean,
 *   order: boolean, from: string, to: string, bbox: number[]|null}} Filters
 *   days YYYY-MM-DD, `to` exclusive; empty: no limit
 * @typedef {{state?: string[], open?: boolean, overdue?: boolean, unplaced?: boolean}} TabQuery
 * @typedef {{id: string, query: TabQuery, sort: string}} Tab
 */

/** The tabs of the inbox: which incidents wait for what. @type {Tab[]} */
export const TABS = [
  { id: "verify", query: { state: ["reported"] }, sort: "-reported_at" },
  { id: "file", query: { state: ["verified"] }, sort: "-reported_at" },
  { id: "dispatch", query: { state: ["filed", "returned"] }, sort: "due_at" },
  { id: "work", query: { state: ["dispatched", "accepted", "in_progress", "deferred"] }, sort: "due_at" },
  { id: "check", query: { state: ["resolved", "checked"] }, sort: "due_at" },
  { id: "overdue", query: { overdue: true }, sort: "due_at" },
  { id: "unplaced", query: { unplaced: true, open: true }, sort: "-reported_at" },
  { id: "all", query: {}, sort: "-updated_at" },
];

export const SORTS = ["-reported_at", "reported_at", "due_at", "-updated_at"];
export const SOURCES = ["patrol", "resident", "hotline", "city_platform", "media", "superior"];
export const LISTS = /** @type {const} */ (["class", "street", "community", "grid", "unit", "squad", "source"]);
export const FLAGS = /** @type {const} */ (["urgent", "supervised", "order"]);
/** What `/api/incidents/count` cannot take. */
const NOT_COUNTED = ["q", "source", ...FLAGS];

/** @returns {Filters} */
export const noFilters = () => ({
  q: "", class: [], street: [], community: [], grid: [], unit: [], squad: [], source: [],
  urgent: false, supervised: false, order: false, from: "", to: "", bbox: null,
});

/** @param {string} id */
export const tabOf = (id) => TABS.find((tab) => tab.id === id) ?? TABS[0];

/** @param {Filters} filters @returns {import("../api.js").Query} what is restricted, nothing else */
export function filterQuery(filters) {
  /** @type {import("../api.js").Query} */
  const query = { q: filters.q.trim(), from: filters.from, to: filters.to };
  for (const name of LISTS) query[name] = filters[name];
  for (const name of FLAGS) if (filters[name]) query[name] = true;
  if (filters.bbox) query.bbox = filters.bbox.map((degrees) => degrees.toFixed(6)).join(",");
  return query;
}

/** @param {Filters} filters @returns {number} how many restrictions, the search text aside */
export const filterCount = (filters) =>
  LISTS.filter((name) => filters[name].length).length + FLAGS.filter((name) => filters[name]).length
  + Number(Boolean(filters.from || filters.to)) + Number(filters.bbox !== null);

/** @param {Filters} filters @returns {boolean} whether tabs can say how many pass */
export const countable = (filters) =>
  NOT_COUNTED.every((name) => {
    const value = /** @type {any} */ (filters)[name];
    return Array.isArray(value) ? !value.length : !value;
  });

/** @param {Incident} item @returns {boolean} */
export const isOpen = (item) => !ENDED.includes(item.state);

/** @param {Incident} item @param {number} now ms */
export const isOverdue = (item, now) => isOpen(item) && item.due_at !== null && Date.parse(item.due_at) < now;

/**
 * Whether the list of `tab` under `filters` holds `item`: what the service would answer.
 * @param {Incident} item @param {Tab} tab @param {Filters} filters @param {number} now ms
 * @param {(day: string) => number} startOf ms at which a day begins in the district
 */
export function matches(item, tab, filters, now, startOf) {
  const { state, open, overdue, unplaced } = tab.query;
  if (state && !state.includes(item.state)) return false;
  if (open !== undefined && isOpen(item) !== open) return false;
  if (overdue !== undefined && isOverdue(item, now) !== overdue) return false;
  if (unplaced !== undefined && (item.placement.method === "none") !== unplaced) return false;
  for (const name of LISTS) {
    if (!filters[name].length) continue;
    const value = name === "source" ? item.source : item[name]?.code;
    if (value === undefined || !filters[name].includes(value)) return false;
  }
  if (filters.urgent && !item.urgent) return false;
  if (filters.supervised && !item.supervised) return false;
  if (filters.order && !item.is_order) return false;
  const at = Date.parse(item.reported_at);
  if (filters.from && at < startOf(filters.from)) return false;
  if (filters.to && at >= startOf(filters.to)) return false;
  if (filters.bbox) {
    const [west, south, east, north] = filters.bbox;
    if (item.lon === null || item.lat === null) return false;
    if (item.lon < west || item.lon > east || item.lat < south || item.lat > north) return false;
  }
  return !filters.q.trim() || says(item, filters.q.trim());
}

/** @param {Incident} item @param {string} words */
function says(item, words) {
  const lower = words.toLowerCase();
  return item.code.startsWith(words) || item.external_id === words
    || [item.address, item.description, item.class.name].some((text) => text?.toLowerCase().includes(lower));
}

/** @type {Record<string, [(item: Incident) => number, number]>} key and direction of each order */
const KEYS = {
  "-reported_at": [(item) => Date.parse(item.reported_at), -1],
  reported_at: [(item) => Date.parse(item.reported_at), 1],
  due_at: [(item) => (item.due_at ? Date.parse(item.due_at) : Infinity), 1],
  "-updated_at": [(item) => Date.parse(item.updated_at), -1],
};

/** @param {string} sort @returns {(a: Incident, b: Incident) => number} the service's order */
export function order(sort) {
  const [key, direction] = KEYS[sort];
  return (a, b) => {
    const [first, second] = [key(a), key(b)];
    if (first !== second) return first < second ? -direction : direction;
    return (a.id - b.id) * direction;
  };
}
