/** Where a layer's tiles are under the current filters, and what classes they show. */

import { address, filterQuery, getJSON, isAbort, latest } from "./api.js";
import { app } from "./app.js";
import { pick } from "./i18n.js";
import { complain } from "./messages.js";
import { get } from "./state.js";

/**
 * @typedef {{breaks?: Record<string, number[]>, unit?: {zh: string, en: string}}} TileJson
 * @typedef {{tiles: string[], minzoom: number, maxzoom: number,
 *   bounds?: [number, number, number, number]}} TileSource
 * @typedef {import("./layers.js").LayerInfo} LayerInfo
 */

/** @type {Record<string, () => AbortSignal>} */
const signals = {};

/** @param {LayerInfo} layer @returns {boolean} whether what it shows follows from incidents */
export const isAboutIncidents = (layer) => layer.group === "incidents" || layer.group === "analysis";

/** The filters `layer` takes, as a query. @param {LayerInfo} layer */
const layerQuery = (layer) =>
  layer.filters.length ? filterQuery(get().filters, layer.filters) : {};

/**
 * The layer's tiles under the current filters. What a TileJSON would say is known already, so the
 * first picture need not wait for one per layer.
 * @param {LayerInfo} layer
 * @returns {TileSource}
 */
export function tileSource(layer) {
  const tiles = address(`${location.origin}/tiles/${layer.id}/{z}/{x}/{y}.mvt`, layerQuery(layer));
  const { minzoom, maxzoom } = layer;
  // Incidents may lie outside the areas; nothing else does.
  const { bbox } = app.district;
  return { tiles: [tiles], minzoom, maxzoom, ...(bbox && layer.group === "areas" ? { bounds: bbox } : {}) };
}

/**
 * Fetches the class breaks of a layer that has them; answers whether they came. A failure is shown,
 * with a retry; a later call takes the place of an earlier one.
 * @param {LayerInfo} layer
 * @param {() => void} retry
 * @returns {Promise<boolean>}
 */
export async function loadBreaks(layer, retry) {
  signals[layer.id] ??= latest();
  try {
    app.tiles[layer.id] = await getJSON(`/tiles/${layer.id}.json`, layerQuery(layer), { signal: signals[layer.id]() });
    return true;
  } catch (error) {
    if (!isAbort(error)) complain(pick(layer.title), error, retry);
    return false;
  }
}
