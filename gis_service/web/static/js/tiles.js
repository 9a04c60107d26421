/** TileJSON of the layers under the current filters: where tiles are and what classes they show. */

import { address, filterQuery, getJSON, isAbort, latest } from "./api.js";
import { pick } from "./i18n.js";
import { complain } from "./messages.js";
import { get } from "./state.js";

/**
 * @typedef {{tiles: string[], minzoom: number, maxzoom: number, attribution?: string,
 *   breaks?: Record<string, number[]>, unit?: {zh: string, en: string},
 *   minimum_count?: number}} TileJson
 * @typedef {import("./layers.js").LayerInfo} LayerInfo
 */

/** @type {Record<string, () => AbortSignal>} */
const signals = {};

/** Whether the filters change what `layer` shows. @param {LayerInfo} layer */
export const isFiltered = (layer) => layer.group === "incidents" || layer.group === "analysis";

/**
 * The filters `layer` takes, as a query.
 * @param {LayerInfo} layer
 */
export const layerQuery = (layer) =>
  isFiltered(layer) ? filterQuery(get().filters, layer.filters) : {};

/**
 * The layer's TileJSON under the current filters; null when it failed (which is shown, with a
 * retry) or a later call took its place.
 * @param {LayerInfo} layer
 * @param {() => void} retry
 * @returns {Promise<TileJson|null>}
 */
export async function tileJson(layer, retry) {
  signals[layer.id] ??= latest();
  try {
    return await getJSON(`/tiles/${layer.id}.json`, layerQuery(layer), { signal: signals[layer.id]() });
  } catch (error) {
    if (!isAbort(error)) complain(pick(layer.title), error, retry);
    return null;
  }
}

/** @param {LayerInfo} layer @returns {string} the address of its TileJSON, which names the filters */
export const tileKey = (layer) => address(`/tiles/${layer.id}.json`, layerQuery(layer));
