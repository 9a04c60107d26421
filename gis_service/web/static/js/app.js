/** What the modules share: the district as loaded and the maps on the page. */

/**
 * @typedef {{code: string, name: string, name_en: string, major: string, major_name: string,
 *   major_name_en: string, kind: string, count: number}} IncidentClass
 * @typedef {{title: {zh: string, en: string}, bbox: [number, number, number, number]|null,
 *   timezone: string, levels: Record<string, number>,
 *   incidents: {count: number, unplaced: number, first: string|null, last: string|null},
 *   revision: {id: number, label: string, applied_at: string}|null, data_version: number,
 *   illustrative: boolean, map_approval_number: string|null, basemap_attribution: string,
 *   minimum_count: number}} District
 * @typedef {{district: District, layers: import("./layers.js").LayerInfo[],
 *   locked: import("./layers.js").LayerInfo[], classes: IncidentClass[], style: any, tiles: Record<string, import("./tiles.js").TileJson>,
 *   main: import("./map.js").MapView, second: import("./map.js").MapView|null}} App
 */

/** @type {App} filled by main.js before anything reads it */
export const app = /** @type {any} */ ({ layers: [], locked: [], classes: [], tiles: {}, second: null });

/** @returns {import("./map.js").MapView[]} the maps on the page, the main one first */
export const views = () => [app.main, app.second].filter((view) => view !== null && view !== undefined);

export const LEVELS = /** @type {const} */ (["street", "community", "grid", "building"]);

/** States in which nothing more happens to an incident. */
export const ENDED = ["closed", "not_accepted", "merged", "transferred", "cancelled"];

export const OPEN = [
  "reported", "verified", "filed", "dispatched", "accepted", "in_progress", "resolved", "checked",
  "returned", "deferred",
];

export const STATES = [...OPEN, ...ENDED];
