/** What is asked, what came, and which communities are compared. */

import { address, getJSON, isAbort, latest } from "../api.js";
import { t } from "../i18n.js";
import { complain } from "../messages.js";

/**
 * @typedef {{value: number|null, numerator: number|null, denominator: number|null, sample: number,
 *   enough: boolean, low: number|null, high: number|null, note?: {zh: string, en: string}|null}} Cell
 * @typedef {{id: string, group: string, kind: string, unit: {zh: string, en: string}, rising: boolean,
 *   weight: number, least: number, title: {zh: string, en: string}, of: {zh: string, en: string},
 *   list: string, own: boolean}} Indicator
 * @typedef {{community: {code: string, name: string}, street: {code: string, name: string},
 *   cells: Record<string, Cell>}} Row
 * @typedef {{community: {code: string, name: string}, street: {code: string, name: string}, rank: number,
 *   score: number, top_share: number, standing: string, chosen: boolean, tied: boolean, thin: string[]}} Ranked
 */

export const METHODS = ["topsis", "weighted_sum", "vikor"];
export const SCHEMES = ["own", "equal", "entropy"];
export const MOST_COMPARED = 4;
const signal = latest();
/** @type {Set<() => void>} */
const listeners = new Set();

export const plan = {
  asked: {
    method: "topsis", scheme: "own", top: 3, one_per_street: false, caution: 1,
    /** @type {string[]} */ require: [], /** @type {Record<string, number>} */ weights: {}, from: "", to: "",
  },
  /** @type {{since: string, until: string, groups: Record<string, any>, indicators: Indicator[], items: Row[]}} */
  table: { since: "", until: "", groups: {}, indicators: [], items: [] },
  /** @type {any} the ranking as answered */
  answer: null,
  /** @type {string[]} codes, in the order in which they were picked */
  compared: [],
};

/** @param {() => void} listener called after each answer and choice */
export const onPlan = (listener) => void listeners.add(listener);
export const tell = () => { for (const listener of listeners) listener(); };

/** @param {string} id @returns {number} */
export const weightOf = (id) =>
  plan.asked.weights[id] ?? plan.table.indicators.find((one) => one.id === id)?.weight ?? 0;

/** @param {string} code @returns {Row|undefined} */
export const rowOf = (code, table = plan.table) => table.items.find((row) => row.community.code === code);

/** @param {string} id @returns {Indicator|undefined} */
export const indicatorOf = (id, table = plan.table) => table.indicators.find((one) => one.id === id);

const period = () => ({ from: plan.asked.from, to: plan.asked.to });

function query() {
  const { method, scheme, top, one_per_street, caution, require, weights } = plan.asked;
  return {
    ...period(), method, scheme, top, one_per_street, caution, require,
    weights: Object.entries(weights).map(([id, weight]) => `${id}:${weight}`).join(","),
  };
}

/** The question as a round records it. */
export function question() {
  const { method, scheme, top, one_per_street, caution, require, weights } = plan.asked;
  return { method, scheme, top, one_per_street, caution, require, weights };
}

export const exportAddress = () => address("/api/planning/indicators", period());

/** Reads the address, or leaves what the service asks by itself. */
export function readLink() {
  const link = new URLSearchParams(location.hash.slice(1));
  const { asked } = plan;
  const one = (/** @type {string} */ name, /** @type {string[]} */ known, /** @type {string} */ other) =>
    known.includes(link.get(name) ?? "") ? /** @type {string} */ (link.get(name)) : other;
  asked.method = one("method", METHODS, asked.method);
  asked.scheme = one("scheme", SCHEMES, asked.scheme);
  asked.top = Math.min(20, Math.max(1, Number(link.get("top")) || asked.top));
  asked.one_per_street = link.get("one_per_street") === "true";
  asked.caution = link.has("caution") ? Math.min(3, Math.max(0, Number(link.get("caution")) || 0)) : 1;
  asked.require = link.getAll("require");
  for (const name of /** @type {("from"|"to")[]} */ (["from", "to"])) {
    if (/^\d{4}-\d\d-\d\d$/.test(link.get(name) ?? "")) asked[name] = link.get(name) ?? "";
  }
  for (const part of (link.get("weights") ?? "").split(",")) {
    const [id, weight] = part.split(":");
    if (id && Number(weight) >= 0) asked.weights[id] = Number(weight);
  }
  plan.compared = (link.get("compare") ?? "").split(",").filter(Boolean).slice(0, MOST_COMPARED);
}

function writeLink() {
  if (/^#(rounds|round=|siting|review)/.test(location.hash)) return; // another part of the page is open
  const whole = address("", { ...query(), compare: plan.compared.join(",") }).slice(1);
  history.replaceState(null, "", `${location.pathname}${location.search}#${whole}`);
}

/** Asks for something else. @param {Partial<typeof plan.asked>} changes */
export async function ask(changes) {
  const again = "from" in changes || "to" in changes;
  Object.assign(plan.asked, changes);
  if (again) await load();
  else await rank();
}

/** The figures, and then the ranking. */
export async function load() {
  try {
    plan.table = await getJSON("/api/planning/indicators", period());
    plan.compared = plan.compared.filter((code) => rowOf(code));
  } catch (error) {
    complain(t("planning.title"), error, () => void load());
    return;
  }
  await rank();
}

/** The ranking; a later question ends an earlier one. */
export async function rank() {
  writeLink();
  if (!plan.table.items.length) { tell(); return; }
  try {
    plan.answer = await getJSON("/api/planning/ranking", query(), { signal: signal() });
    tell();
  } catch (error) {
    if (!isAbort(error)) complain(t("planning.ranking"), error, () => void rank());
  }
}

/** @param {string} code picks a community for comparison, or lets it go */
export function compare(code) {
  const { compared } = plan;
  if (compared.includes(code)) plan.compared = compared.filter((one) => one !== code);
  else plan.compared = [...compared.slice(compared.length >= MOST_COMPARED ? 1 : 0), code];
  writeLink();
  tell();
}
