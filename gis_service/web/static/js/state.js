/** What the page shows, held in one place and written into the address so that a link repeats it. */

/**
 * @typedef {{from: string, to: string, class: string[], state: string[],
 *   street: string[], community: string[], grid: string[]}} Filters
 *   days YYYY-MM-DD, `to` exclusive; empty: no limit
 * @typedef {{lon: number, lat: number, zoom: number, bearing: number}} Camera
 * @typedef {{on: boolean, opacity: number}} LayerState
 * @typedef {{kind: "area", level: string, code: string}|{kind: "incident", id: string}|
 *   {kind: "point", lon: number, lat: number}} Selection
 * @typedef {{open: boolean, step: number, cumulative: boolean}} Timeline
 * @typedef {{camera: Camera|null, layers: Record<string, LayerState>, filters: Filters,
 *   selection: Selection|null, compare: boolean, timeline: Timeline}} State
 */

export const AREA_FILTERS = /** @type {const} */ (["street", "community", "grid"]);

/** @returns {Filters} */
export const noFilters = () => ({
  from: "", to: "", class: [], state: [], street: [], community: [], grid: [],
});

/** @type {State} */
const state = {
  camera: null,
  layers: {},
  filters: noFilters(),
  selection: null,
  compare: false,
  timeline: { open: false, step: 0, cumulative: false },
};

/** @type {{keys: string[], listener: (state: State) => void}[]} */
const listeners = [];

/** @returns {Readonly<State>} */
export const get = () => state;

/**
 * Changes parts of the state and tells those who listen to these parts.
 * @param {Partial<State>} patch
 */
export function set(patch) {
  const changed = Object.keys(patch).filter(
    (key) => JSON.stringify(/** @type {any} */ (patch)[key]) !== JSON.stringify(/** @type {any} */ (state)[key]),
  );
  if (!changed.length) return;
  Object.assign(state, patch);
  for (const { keys, listener } of [...listeners]) {
    if (keys.some((key) => changed.includes(key))) listener(state);
  }
  writeSoon();
}

/**
 * @param {(keyof State)[]} keys
 * @param {(state: State) => void} listener
 */
export const on = (keys, listener) => void listeners.push({ keys, listener });

/** @param {Partial<Filters>} patch */
export const setFilters = (patch) => set({ filters: { ...state.filters, ...patch } });

/** @param {Partial<Timeline>} patch */
export const setTimeline = (patch) => set({ timeline: { ...state.timeline, ...patch } });

/** @param {string} id @param {Partial<LayerState>} patch */
export const setLayer = (id, patch) =>
  set({ layers: { ...state.layers, [id]: { ...state.layers[id], ...patch } } });

/** @returns {number} how many kinds of filter are set */
export const filterCount = () =>
  Object.values(state.filters).filter((value) => value.length > 0).length;

/** @returns {string} the fragment that stands for the state */
export function toHash() {
  const hash = new URLSearchParams();
  const { camera, filters, selection, timeline } = state;
  if (camera) {
    hash.set("map", [
      camera.zoom.toFixed(2), camera.lat.toFixed(6), camera.lon.toFixed(6),
      ...(camera.bearing ? [camera.bearing.toFixed(1)] : []),
    ].join("/"));
  }
  hash.set("layers", Object.entries(state.layers)
    .filter(([, layer]) => layer.on)
    .map(([id, layer]) => (layer.opacity === 1 ? id : `${id}:${layer.opacity.toFixed(2)}`))
    .join(","));
  for (const [name, value] of Object.entries(filters)) {
    if (Array.isArray(value)) for (const item of value) hash.append(name, item);
    else if (value) hash.set(name, value);
  }
  if (selection) {
    hash.set("selected", selection.kind === "area" ? `${selection.level}/${selection.code}`
      : selection.kind === "incident" ? `incident/${selection.id}`
        : `point/${selection.lon.toFixed(6)}/${selection.lat.toFixed(6)}`);
  }
  if (state.compare) hash.set("compare", "1");
  if (timeline.open) hash.set("time", `${timeline.step}${timeline.cumulative ? "/sum" : ""}`);
  return hash.toString().replaceAll("%2F", "/").replaceAll("%2C", ",").replaceAll("%3A", ":");
}

/**
 * What a fragment asks for; what it leaves out is missing from the answer. Anything malformed is
 * left out too: an old or mangled link still opens the map.
 * @param {string} text
 * @returns {Partial<State> & {layersOn?: Record<string, number>}}
 */
export function fromHash(text) {
  const hash = new URLSearchParams(text.replace(/^#/, ""));
  /** @type {Partial<State> & {layersOn?: Record<string, number>}} */
  const found = {};
  const camera = (hash.get("map") ?? "").split("/").map(Number);
  if (camera.length >= 3 && camera.every(Number.isFinite)
      && Math.abs(camera[1]) <= 85 && Math.abs(camera[2]) <= 180) {
    found.camera = { zoom: camera[0], lat: camera[1], lon: camera[2], bearing: camera[3] ?? 0 };
  }
  if (hash.has("layers")) {
    found.layersOn = {};
    for (const part of (hash.get("layers") ?? "").split(",").filter(Boolean)) {
      const [id, opacity] = part.split(":");
      const value = Number(opacity ?? 1);
      found.layersOn[id] = value >= 0 && value <= 1 ? value : 1;
    }
  }
  const filters = noFilters();
  for (const name of /** @type {("from"|"to")[]} */ (["from", "to"])) {
    const day = hash.get(name) ?? "";
    if (/^\d{4}-\d\d-\d\d$/.test(day)) filters[name] = day;
  }
  for (const name of /** @type {const} */ (["class", "state", ...AREA_FILTERS])) {
    filters[name] = hash.getAll(name).filter(Boolean);
  }
  found.filters = filters;
  found.selection = null;
  const [kind, first, second] = (hash.get("selected") ?? "").split("/");
  if (kind === "incident" && first) found.selection = { kind, id: first };
  else if (kind === "point" && Number.isFinite(+first) && Number.isFinite(+second)) {
    found.selection = { kind, lon: +first, lat: +second };
  } else if (["street", "community", "grid", "building"].includes(kind) && first) {
    found.selection = { kind: "area", level: kind, code: hash.get("selected")?.slice(kind.length + 1) ?? "" };
  }
  found.compare = hash.get("compare") === "1";
  const time = hash.get("time");
  found.timeline = {
    open: time !== null,
    step: Math.max(0, Number.parseInt(time ?? "0", 10) || 0),
    cumulative: time?.endsWith("/sum") ?? false,
  };
  return found;
}

let timer = 0;
let written = "";

function writeSoon() {
  clearTimeout(timer);
  timer = window.setTimeout(writeNow, 150);
}

/** Writes the state into the address bar at once. */
export function writeNow() {
  clearTimeout(timer);
  written = toHash();
  const page = new URL(location.href);
  page.hash = written;
  history.replaceState(null, "", page);
}

/** @param {() => void} listener called when somebody else (a pasted link) changed the fragment */
export function onForeignHash(listener) {
  window.addEventListener("hashchange", () => {
    const text = location.hash.slice(1);
    if (text !== written && text.includes("=")) listener();
  });
}
