/**
 * What a map draws while time plays. Cells and areas are handed over once; a step changes only
 * their feature states, so that it takes one frame and no worker's answer.
 */

import { layerOf, withBreaks } from "./style.js";

/**
 * @typedef {import("./map.js").MapView} MapView
 * @typedef {{cell: number[], count: number[]}} HeatStep
 * @typedef {{lon: number[], lat: number[], steps: HeatStep[]}} HeatSeries
 */

/** Draws one step after the other on one map. */
export class Player {
  /**
   * @param {MapView} view
   * @param {{heat: any, cells: HeatSeries|null, choropleth: any, source: string}} drawn served style
   *   layers to copy the looks of (null: not drawn), the heat's cells, and the id of the area
   *   source, whose features are told apart by code
   */
  constructor(view, { heat, cells, choropleth, source }) {
    this.view = view;
    this.source = source;
    /** @type {Map<string, number>} counts of areas that the map holds as feature states */
    this.states = new Map();
    /** @type {Map<number, number>} weights of cells that it holds */
    this.weights = new Map();
    this.own = ["play-heat", "play-zero", "play-few-ground", "play-few", "play-enough"];
    const { map } = view;
    if (heat && cells) {
      // Few, large tiles; at zoom 10 a position is still told apart to 5 m.
      map.addSource("play-heat", { type: "geojson", data: points(cells), maxzoom: 10, tolerance: 0 });
      map.addLayer({
        id: "play-heat", type: "heatmap", source: "play-heat",
        paint: { ...heat.paint, "heatmap-weight": ["coalesce", ["feature-state", "w"], 0] },
      }, this.#above("heatmap"));
    }
    if (choropleth) this.#addAreas(choropleth);
  }

  /** @param {any} choropleth */
  #addAreas(choropleth) {
    const { map } = this.view;
    const before = this.#above("fill");
    const n = ["coalesce", ["feature-state", "n"], -1];
    const enough = ["coalesce", ["feature-state", "enough"], false];
    const add = (/** @type {string} */ id, /** @type {any} */ paint) => map.addLayer(
      { id, type: "fill", source: this.source, "source-layer": this.source, paint }, before);
    add("play-zero", { "fill-color": "#ffffff", "fill-opacity": ["case", ["==", n, 0], 0.9, 0] });
    add("play-few-ground", { "fill-color": "#f1efec", "fill-opacity": ["case", ["all", [">", n, 0], ["!", enough]], 0.9, 0] });
    add("play-few", { "fill-pattern": "hatch-grey", "fill-opacity": ["case", ["all", [">", n, 0], ["!", enough]], 1, 0] });
    add("play-enough", { "fill-color": choropleth.paint["fill-color"], "fill-opacity": ["case", enough, 0.82, 0] });
  }

  /** Where the copies go: just above what they stand for. @param {string} type */
  #above(type) {
    const layers = this.view.served.layers;
    const at = layers.findLastIndex((/** @type {any} */ layer) => layer.type === type && layerOf(layer) !== "building");
    const next = layers.slice(at + 1).find((/** @type {any} */ layer) => this.view.map.getLayer(layer.id));
    return next?.id;
  }

  /** Classes over all steps, so that a colour means the same in each. @param {any[]} expression @param {number[]} breaks */
  colour(expression, breaks) {
    if (!this.view.map.getLayer("play-enough")) return;
    const value = ["coalesce", ["feature-state", "value"], 0];
    this.view.map.setPaintProperty("play-enough", "fill-color", withBreaks(expression, breaks, value));
  }

  /** @param {Map<number, number>} counts by cell @param {number} top count at the ramp's end */
  heat(counts, top) {
    if (!this.view.map.getSource("play-heat")) return;
    const set = (/** @type {number} */ id, /** @type {number} */ w) =>
      this.view.map.setFeatureState({ source: "play-heat", id }, { w });
    for (const id of this.weights.keys()) {
      if (counts.has(id)) continue;
      this.weights.delete(id);
      set(id, 0);
    }
    for (const [id, count] of counts) {
      const weight = Math.min(1.5, count / top);
      if (this.weights.get(id) === weight) continue;
      this.weights.set(id, weight);
      set(id, weight);
    }
  }

  /** @param {Map<string, {n: number, enough: boolean, value: number}>} areas by code */
  areas(areas) {
    if (!this.view.map.getLayer("play-enough")) return;
    for (const [id, state] of areas) {
      if (this.states.get(id) === state.n) continue;
      this.states.set(id, state.n);
      this.view.map.setFeatureState({ source: this.source, sourceLayer: this.source, id }, state);
    }
  }

  remove() {
    const { map } = this.view;
    for (const id of this.own) if (map.getLayer(id)) map.removeLayer(id);
    if (map.getSource("play-heat")) map.removeSource("play-heat");
    if (map.getSource(this.source)) map.removeFeatureState({ source: this.source, sourceLayer: this.source });
  }
}

/** @param {HeatSeries} cells */
const points = ({ lon, lat }) => ({
  type: "FeatureCollection",
  features: lon.map((x, id) => ({
    type: "Feature", id, properties: {}, geometry: { type: "Point", coordinates: [x, lat[id]] },
  })),
});
