/** What is asked for and what came: coverage, its gaps, and which of them are shown. */

import { address, getJSON, isAbort, latest } from "../api.js";
import { addDays, isoDay, t } from "../i18n.js";
import { complain } from "../messages.js";
import { STATES } from "./states.js";

/**
 * @typedef {import("./states.js").State} State
 * @typedef {{grid: {code: string, name: string}, state: State, contract: string|null, version: number|null,
 *   officer: string|null, officer_name: string|null, squad: string|null, promised_days: number|null,
 *   visits_per_week: number|null, valid_to: string|null, last_visit_at: string|null,
 *   overdue_days: number|null, overlapping: boolean, out_of_hours: boolean, outside_area: boolean,
 *   visits: number, tracked_days: number|null, street: string|null, community: string|null}} Item
 * @typedef {Item & {gap_days: number, incidents: number, open_cases: number, risk: number}} Gap
 * @typedef {{squad: string, officer: string, from: string, to: string}} Asked days; `to` is the last
 */

const WINDOW_DAYS = 30;
const signal = latest();
/** @type {Set<() => void>} */
const listeners = new Set();

export const plan = {
  /** @type {Asked} */
  asked: { squad: "", officer: "", from: "", to: "" },
  /** @type {Item[]} */
  items: [],
  /** @type {Gap[]} */
  gaps: [],
  /** @type {{code: string, name: string, squad: string|null}[]} */
  idle: [],
  /** @type {{code: string, name: string, name_en: string, streets: string[]}[]} all there are */
  squads: [],
  days: 0,
  /** @type {State|""} the one state that is shown, or all */
  only: "",
  /** code of the grid whose card is open */
  grid: "",
  loaded: false,
};

/** @param {() => void} listener called after each answer and choice */
export const onPlan = (listener) => void listeners.add(listener);

export const tell = () => { for (const listener of listeners) listener(); };

/** The query of what is asked, `to` exclusive. @param {Partial<Asked>} [changes] */
export function query(changes = {}) {
  const { squad, officer, from, to } = { ...plan.asked, ...changes };
  return { squad, officer, from, to: addDays(to, 1) };
}

export const exportAddress = () => address("/api/coverage/gaps", { ...query(), format: "csv" });

/** One file with the map of the district, which opens with no network. */
export function snapshotAddress() {
  const { from, to } = query();
  return address("/snapshot.html", { layers: "street,grid,coverage", from, to });
}

/** Reads the address, or begins with the last days. */
export function readLink() {
  const link = new URLSearchParams(location.hash.slice(1));
  const day = (/** @type {string} */ name) => (/^\d{4}-\d\d-\d\d$/.test(link.get(name) ?? "") ? link.get(name) : null);
  const to = day("to") ?? isoDay(new Date());
  plan.asked = {
    squad: link.get("squad") ?? "", officer: link.get("officer") ?? "",
    from: day("from") ?? addDays(to, 1 - WINDOW_DAYS), to,
  };
}

function writeLink() {
  const view = new URLSearchParams(location.hash.slice(1)).get("view") ?? "";
  const kept = Object.entries({ ...plan.asked, view }).filter(([, value]) => value);
  history.replaceState(null, "", `${location.pathname}${location.search}#${new URLSearchParams(kept)}`);
}

/** Asks for something else. @param {Partial<Asked>} changes */
export async function ask(changes) {
  plan.asked = { ...plan.asked, ...changes };
  writeLink();
  await load();
}

export async function load() {
  const one = signal();
  try {
    const [all, gaps] = await Promise.all([
      getJSON("/api/coverage", query(), { signal: one }),
      getJSON("/api/coverage/gaps", query(), { signal: one }),
    ]);
    Object.assign(plan, {
      items: all.items, gaps: gaps.items, idle: gaps.officers_without_contract, days: all.days, loaded: true,
    });
    tell();
  } catch (error) {
    if (!isAbort(error)) complain(t("coverage.title"), error, () => void load());
  }
}

/** @param {State|""} state */
export function showOnly(state) {
  plan.only = plan.only === state ? "" : state;
  tell();
}

/** The gravest state of each grid. @returns {Map<string, Item>} by code */
export function worst() {
  /** @type {Map<string, Item>} */
  const found = new Map();
  for (const item of plan.items) {
    const before = found.get(item.grid.code);
    if (!before || STATES.indexOf(item.state) < STATES.indexOf(before.state)) found.set(item.grid.code, item);
  }
  return found;
}

/** How many grids are in each state. @returns {Record<string, number>} */
export function counts() {
  const out = Object.fromEntries(STATES.map((state) => [state, 0]));
  for (const item of worst().values()) out[item.state] += 1;
  return out;
}
