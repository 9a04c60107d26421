/** The counts of each step of time: fetched once per range, then only added up. */

import { filterQuery, getJSON } from "./api.js";
import { app } from "./app.js";
import { addDays, daysBetween } from "./i18n.js";
import { get } from "./state.js";
import { allDays, shownDays } from "./time.js";

/**
 * @typedef {import("./play.js").HeatSeries & {edges: string[]}} HeatAnswer
 * @typedef {{edges: string[], items: Record<string, number[]>,
 *   denominators: Record<string, {area_km2: number, buildings: number|null}>}} AreaAnswer
 */

const MOST = 60;
const FEWEST = 7;
const LENGTHS = [1, 2, 3, 4, 5, 6, 7, 10, 14, 28, 30, 56, 91];

/**
 * Steps of whole days over a range; a range without a start is lengthened to whole steps, and a
 * short one is cut into quarters of days.
 * @param {{from: string, to: string}} days
 * @param {{fixed: boolean, fewestDays: number}} wish whether the start must stay; days that a step
 *   should have at least, as far as some steps are left
 * @returns {{from: string, to: string, steps: number}}
 */
export function plan({ from, to }, { fixed, fewestDays }) {
  const days = daysBetween(from, to);
  if (days <= FEWEST) return { from, to, steps: Math.max(1, days) * 4 };
  const least = Math.max(Math.min(fewestDays, days / FEWEST), days / MOST);
  if (fixed) {
    const length = LENGTHS.find((item) => item >= least && days % item === 0);
    return { from, to, steps: length ? days / length : Math.max(FEWEST, Math.min(24, Math.floor(days / least))) };
  }
  const length = LENGTHS.find((item) => item >= least && (days < MOST || item % 7 === 0)) ?? Math.ceil(least);
  const steps = Math.ceil(days / length);
  return { from: addDays(to, -steps * length), to, steps };
}

/** Days in which an area of the level has, on average, enough incidents to claim a rate. @param {string} level */
function daysForAreas(level) {
  const { incidents, levels, minimum_count: fewest } = app.district;
  const { from, to } = allDays();
  const perDay = incidents.count / Math.max(1, daysBetween(from, to)) / Math.max(1, levels[level]);
  return perDay > 0 ? Math.ceil(fewest / perDay) : 1;
}

/**
 * @param {{level: string|null, heat: boolean}} wanted what to fetch @param {AbortSignal} signal
 * @returns {Promise<{heat: HeatAnswer|null, areas: AreaAnswer|null, zoom: number}>}
 */
export async function fetchSeries({ level, heat }, signal) {
  const { filters } = get();
  const { from, to, steps } = plan(shownDays(), {
    fixed: Boolean(filters.from), fewestDays: level ? daysForAreas(level) : 1,
  });
  const query = { ...filterQuery(filters), from, to, steps };
  const zoom = Math.max(9, Math.min(15, Math.round(app.main.map.getZoom())));
  const bbox = app.district.bbox?.map((value) => value.toFixed(6)).join(",");
  const [bins, areas] = await Promise.all([
    heat ? getJSON("/api/heat/series", { ...query, bbox, zoom }, { signal }) : null,
    level ? getJSON(`/api/areas/${level}/series`, query, { signal }) : null,
  ]);
  return { heat: bins, areas, zoom };
}

/**
 * Counts by cell at `step`, alone or from the start on.
 * @param {HeatAnswer} series @param {number} step @param {boolean} cumulative
 * @returns {Map<number, number>}
 */
export function heatAt(series, step, cumulative) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (let at = cumulative ? 0 : step; at <= step; at += 1) {
    const { cell, count } = series.steps[at];
    for (let i = 0; i < cell.length; i += 1) counts.set(cell[i], (counts.get(cell[i]) ?? 0) + count[i]);
  }
  return counts;
}

/** The count at the ramp's end: a high quantile over all steps. @param {HeatAnswer} series @param {boolean} cumulative */
export function heatTop(series, cumulative) {
  const counts = (cumulative ? [...heatAt(series, series.steps.length - 1, true).values()]
    : series.steps.flatMap((step) => step.count)).sort((a, b) => a - b);
  return Math.max(1, counts[Math.floor(counts.length * 0.97)] ?? 1);
}

/** @param {AreaAnswer} series @param {string} code @param {number} step @param {boolean} cumulative */
const areaCount = (series, code, step, cumulative) =>
  cumulative ? series.items[code].slice(0, step + 1).reduce((sum, n) => sum + n, 0) : series.items[code][step];

/**
 * Each area at `step`: its count, whether that is enough to claim a rate, and the rate per
 * km² (as the layer of the whole range says it). Areas without a count in the answer had none, and are zero, not missing.
 * @param {AreaAnswer} series @param {number} step @param {boolean} cumulative
 * @returns {Map<string, {n: number, enough: boolean, value: number}>}
 */
export function areasAt(series, step, cumulative) {
  const { minimum_count: fewest } = app.district;
  const out = new Map();
  for (const [code, { area_km2: of }] of Object.entries(series.denominators)) {
    const n = code in series.items ? areaCount(series, code, step, cumulative) : 0;
    out.set(code, { n, enough: n >= fewest && of > 0, value: of > 0 ? n / of : 0 });
  }
  return out;
}

/**
 * Upper bounds of five classes of equal numbers over all steps' rates (quantiles).
 * @param {AreaAnswer} series @param {boolean} cumulative
 */
export function areaBreaks(series, cumulative) {
  /** @type {number[]} */
  const values = [];
  const steps = series.edges.length - 1;
  for (let step = 0; step < steps; step += cumulative ? Math.max(1, Math.floor(steps / 4)) : 1) {
    for (const { enough, value } of areasAt(series, step, cumulative).values()) if (enough) values.push(value);
  }
  values.sort((a, b) => a - b);
  return values.length ? [0.2, 0.4, 0.6, 0.8, 1].map((share) => values[Math.ceil(share * values.length) - 1]) : [];
}

/** Incidents per step. @param {HeatAnswer|null} heat @param {AreaAnswer|null} areas @returns {number[]} */
export function totals(heat, areas) {
  if (heat) return heat.steps.map((step) => step.count.reduce((sum, n) => sum + n, 0));
  const out = Array.from({ length: (areas?.edges.length ?? 1) - 1 }, () => 0);
  for (const counts of Object.values(areas?.items ?? {})) counts.forEach((n, at) => { out[at] += n; });
  return out;
}
