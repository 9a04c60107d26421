/** Makes the service's style ready for one map: filtered sources, drawing order, opacity, patterns. */

/**
 * @typedef {import("./layers.js").LayerInfo} LayerInfo
 */

const OPACITY = {
  background: [], raster: ["raster-opacity"], fill: ["fill-opacity"], line: ["line-opacity"],
  circle: ["circle-opacity", "circle-stroke-opacity"], heatmap: ["heatmap-opacity"],
  symbol: ["text-opacity", "icon-opacity"],
};

const TYPES = ["background", "raster", "fill", "heatmap", "line", "circle", "symbol"];
const GROUPS = ["basemap", "analysis", "patrols", "communities", "areas", "incidents"];

/**
 * The style's layers from the ground up: grounds under lines under points under words, and within
 * each the basemap under analysis and patrols under areas, so that no choropleth hides a boundary.
 * @param {any} style as served @param {LayerInfo[]} infos
 */
export function ordered(style, infos) {
  const rank = (/** @type {any} */ layer) => {
    if (layer.metadata?.["gis:ground"]) return 0.5; // the district's own ground, under any basemap
    const group = infos.find((info) => info.id === layerOf(layer))?.group ?? "basemap";
    return TYPES.indexOf(layer.type) * GROUPS.length + GROUPS.indexOf(group);
  };
  // An external basemap has a ground of its own.
  const layers = style.layers.filter(
    (/** @type {any} */ layer) => !(style.sources.external && layer.metadata?.["gis:ground"]));
  return { ...style, layers: layers.sort((/** @type {any} */ a, /** @type {any} */ b) => rank(a) - rank(b)) };
}

/** @param {any} layer @returns {string} id of the service's layer it draws */
export const layerOf = (layer) => layer.metadata?.["gis:layer"] ?? "";

/**
 * `style` with each layer's tiles, visibility and opacity in place, so that the map asks for nothing
 * twice and for nothing hidden.
 * @param {any} style as served
 * @param {Record<string, import("./tiles.js").TileSource>} tiles by layer id
 * @param {Record<string, {on: boolean, opacity: number}>} shown by layer id
 */
export function prepare(style, tiles, shown) {
  const sources = { ...style.sources };
  for (const [id, found] of Object.entries(tiles)) {
    if (!sources[id]) continue; // a layer that the asker may not see
    const { url: _, ...kept } = sources[id];
    sources[id] = { ...kept, ...found };
  }
  const layers = [];
  for (const layer of style.layers) {
    const state = shown[layerOf(layer)];
    layers.push(!state ? layer : {
      ...layer,
      layout: { ...layer.layout, visibility: state.on ? "visible" : "none" },
      paint: { ...layer.paint, ...Object.fromEntries(state.opacity === 1 ? [] : opacities(layer, state.opacity)) },
    });
  }
  return { ...style, sources, layers };
}

/**
 * `value` (a number or an expression) times `factor`. An expression over zoom keeps its curve
 * outermost, as the style specification wants.
 * @param {any} value @param {number} factor
 * @returns {any}
 */
export function scale(value, factor) {
  if (factor === 1) return value;
  if (typeof value === "number") return value * factor;
  if (Array.isArray(value) && value[0] === "interpolate") {
    return value.map((item, at) => (at > 3 && at % 2 === 0 ? scale(item, factor) : item));
  }
  if (Array.isArray(value) && value[0] === "step") {
    return value.map((item, at) => (at > 1 && at % 2 === 0 ? scale(item, factor) : item));
  }
  return ["*", factor, value];
}

/**
 * The opacity properties of a style layer at `factor` of what its style says.
 * @param {any} layer as served @param {number} factor
 * @returns {[string, any][]}
 */
export function opacities(layer, factor) {
  return /** @type {any} */ (OPACITY)[layer.type].map((/** @type {string} */ name) => [
    name, scale(layer.paint?.[name] ?? 1, factor),
  ]);
}

/**
 * Classes of a step expression's colours under `breaks` (ascending upper bounds, the last the
 * maximum). Bounds that coincide, as with few distinct values, make one class.
 * @param {any[]} expression `["step", input, colour, bound, colour, …]`
 * @param {number[]} breaks
 * @returns {{colour: string, from: number|null, to: number}[]}
 */
export function classes(expression, breaks) {
  const colours = expression.slice(2).filter((_, at) => at % 2 === 0);
  /** @type {{colour: string, from: number|null, to: number}[]} */
  const out = [];
  for (const [at, to] of breaks.slice(0, colours.length).entries()) {
    const from = out.at(-1)?.to ?? null;
    if (from === null || to > from) out.push({ colour: colours[at], from, to });
  }
  return out;
}

/**
 * The step expression over `input` that draws `classes(expression, breaks)`.
 * @param {any[]} expression @param {number[]} breaks @param {any} [input]
 */
export function withBreaks(expression, breaks, input = expression[1]) {
  const found = classes(expression, breaks);
  if (found.length < 2) return found[0]?.colour ?? expression[2];
  /** @type {any[]} */
  const out = ["step", input, found[0].colour];
  for (const { colour, from } of found.slice(1)) {
    // A value equal to an upper bound belongs below it; "step" would put it above.
    const bound = /** @type {number} */ (from);
    out.push(bound + Math.abs(bound) * 1e-9 + 1e-12, colour);
  }
  return out;
}

/**
 * A pattern by its name: hatch-grey (diagonal lines) or dots-white.
 * @param {string} name
 * @returns {{width: number, height: number, data: Uint8ClampedArray}|null}
 */
export function pattern(name) {
  const size = 16;
  const data = new Uint8ClampedArray(size * size * 4);
  const paint = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number[]} */ rgba) => {
    data.set(rgba, (y * size + x) * 4);
  };
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      if (name === "hatch-grey" && (x + y) % 8 < 2) paint(x, y, [128, 134, 143, 190]);
      if (name === "dots-white" && (x % 8 - 4) ** 2 + (y % 8 - 4) ** 2 < 4) paint(x, y, [255, 255, 255, 220]);
    }
  }
  return data.some(Boolean) ? { width: size, height: size, data } : null;
}
