/** One map on the page: its layers, what is selected on it and what it plays. */

import * as maplibre from "../vendor/maplibre-gl/maplibre-gl.mjs";
import { t } from "./i18n.js";
import { layerOf, opacities, pattern, prepare, withBreaks } from "./style.js";

/**
 * @typedef {import("./layers.js").LayerInfo} LayerInfo
 * @typedef {import("./tiles.js").TileSource} TileSource
 * @typedef {import("./state.js").Camera} Camera
 */

const EMPTY = { type: "FeatureCollection", features: [] };
const FONT = '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", sans-serif';
const PATTERNS = ["hatch-grey", "dots-white"];

/** @returns {boolean} whether the browser can draw the map at all */
export function canDraw() {
  try {
    return Boolean(document.createElement("canvas").getContext("webgl2"));
  } catch {
    return false;
  }
}

// The workers start while the page still asks what there is to show.
maplibre.prewarm();

export class MapView {
  /**
   * @param {HTMLElement} container
   * @param {{style: any, tiles: Record<string, TileSource>, bounds: [number, number, number, number],
   *   shown: Record<string, {on: boolean, opacity: number}>, camera: Camera|null, padding: any}} options
   */
  constructor(container, { style, tiles, shown, bounds, camera, padding }) {
    this.served = style;
    this.tiles = { ...tiles };
    /** @type {Record<string, {on: boolean, opacity: number}>} */
    this.shown = structuredClone(shown);
    /** @type {Record<string, number>} */
    this.weights = {};
    /** @type {Set<string>} layers some of whose tiles failed */
    this.failed = new Set();
    /** @type {any} */
    this.map = new maplibre.Map({
      container,
      style: prepare(style, tiles, shown),
      ...(camera
        ? { center: [camera.lon, camera.lat], zoom: camera.zoom, bearing: camera.bearing }
        : { bounds, fitBoundsOptions: { padding } }),
      minZoom: 7,
      maxZoom: 20,
      maxPitch: 0,
      pitchWithRotate: false,
      attributionControl: false,
      locale: { "Map.Title": t("map.label"), "Marker.Title": t("map.marker") },
      localIdeographFontFamily: FONT,
      // Fading draws a dozen frames per tile that arrives; without a graphics card each is slow.
      fadeDuration: 0,
      clickTolerance: 5,
    });
    this.map.on("error", (/** @type {any} */ event) => event.sourceId in this.tiles && this.failed.add(event.sourceId));
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.enable();
    this.ready = new Promise((resolve) => {
      this.map.once("style.load", () => {
        this.#addOwn();
        resolve(this);
      });
    });
  }

  /** Patterns, the mark of the selection and the layers that play. */
  #addOwn() {
    for (const name of PATTERNS) {
      const image = pattern(name);
      if (image && !this.map.hasImage(name)) this.map.addImage(name, image, { pixelRatio: 2 });
    }
    this.map.addSource("selection", { type: "geojson", data: EMPTY });
    const text = this.firstOf("symbol");
    this.map.addLayer({
      id: "selection-glow", type: "line", source: "selection", layout: { "line-join": "round" },
      paint: { "line-color": "#ffffff", "line-width": 8, "line-opacity": 0.9 },
    }, text);
    this.map.addLayer({
      id: "selection-line", type: "line", source: "selection", layout: { "line-join": "round" },
      paint: { "line-color": "#0b57d0", "line-width": 3.2 },
    }, text);
    this.map.addLayer({
      id: "selection-point", type: "circle", source: "selection",
      filter: ["==", ["geometry-type"], "Point"],
      paint: {
        "circle-radius": 10, "circle-color": "rgba(11,87,208,0.12)", "circle-stroke-color": "#0b57d0",
        "circle-stroke-width": 3,
      },
    });
  }

  /** @param {string} type @returns {string|undefined} id of the lowest style layer of that type */
  firstOf(type) {
    return this.served.layers.find((/** @type {any} */ layer) => layer.type === type)?.id;
  }

  /** @param {string} id of a layer of the service @returns {any[]} what draws it, as served */
  drawing(id) {
    return this.served.layers.filter((/** @type {any} */ layer) => layerOf(layer) === id);
  }

  /**
   * Shows or hides a layer of the service.
   * @param {string} id @param {boolean} on @param {number} opacity 0–1
   */
  show(id, on, opacity) {
    const before = this.shown[id];
    if (before && before.on === on && before.opacity === opacity) return;
    this.shown[id] = { on, opacity };
    for (const layer of this.drawing(id)) {
      if (before?.on !== on) this.map.setLayoutProperty(layer.id, "visibility", on ? "visible" : "none");
      if ((before?.opacity ?? 1) !== opacity) {
        for (const [name, value] of opacities(layer, opacity)) this.map.setPaintProperty(layer.id, name, value);
      }
    }
  }

  /** Points a layer to the tiles of other filters. @param {string} id @param {TileSource} source */
  setTiles(id, source) {
    if (this.tiles[id]?.tiles[0] === source.tiles[0]) return;
    this.tiles[id] = source;
    if (this.failed.has(id)) this.renew(id);
    else /** @type {any} */ (this.map.getSource(id))?.setTiles(source.tiles);
  }

  /**
   * Asks again for the tiles of a layer: those at `places`, else all; what is drawn stays until the
   * answers come.
   * @param {string} id @param {[number, number][]} [places] longitudes and latitudes
   */
  refresh(id, places) {
    const source = this.map.getSource(id);
    if (!source) return;
    if (this.failed.has(id)) this.renew(id);
    else this.map.refreshTiles(id, places && tilesAt(places, source.minzoom, source.maxzoom));
  }

  /**
   * Makes a layer's source anew. MapLibre (6.17) waits for ever for a tile that has failed once, so
   * neither new addresses nor a refresh bring it back.
   * @param {string} id
   */
  renew(id) {
    const { layers, sources } = this.map.getStyle();
    const source = { ...sources[id], tiles: this.tiles[id].tiles };
    for (const layer of layers) if (layer.source === id) this.map.removeLayer(layer.id);
    this.map.removeSource(id);
    this.map.addSource(id, source);
    for (const [at, layer] of [...layers.entries()].reverse()) {
      if (layer.source === id) this.map.addLayer(layer, layers[at + 1]?.id);
    }
    this.failed.delete(id);
  }

  /** Colours classes of `id` by the breaks its TileJSON names. @param {string} id @param {Record<string, number[]>} breaks */
  colour(id, breaks) {
    for (const layer of this.drawing(id)) {
      const found = breaks[layer.metadata?.["gis:breaks"]];
      if (found) this.map.setPaintProperty(layer.id, "fill-color", withBreaks(layer.paint["fill-color"], found));
    }
  }

  /**
   * Draws the heat of `id` so that its dense places reach the ramp's end whatever the filters
   * leave: weights are relative to a high quantile of the bins in view.
   * @param {string} id
   */
  normaliseHeat(id) {
    const layer = this.drawing(id).find((item) => item.type === "heatmap");
    if (!layer || !this.shown[id]?.on) return;
    const counts = this.map.querySourceFeatures(id, { sourceLayer: id })
      .map((/** @type {any} */ feature) => Number(feature.properties.count))
      .sort((/** @type {number} */ a, /** @type {number} */ b) => a - b);
    if (!counts.length) return;
    const top = Math.max(1, counts[Math.floor(counts.length * 0.98)]);
    const before = this.weights[id];
    if (before && top / before < 1.25 && before / top < 1.25) return;
    this.weights[id] = top;
    this.map.setPaintProperty(layer.id, "heatmap-weight", ["min", 1.5, ["/", ["get", "count"], top]]);
  }

  /** Outlines the selection. @param {any} geometry GeoJSON, or null for none */
  select(geometry) {
    /** @type {any} */ (this.map.getSource("selection"))?.setData(
      geometry ? { type: "Feature", geometry, properties: {} } : EMPTY,
    );
  }

  /** @returns {Camera} */
  get camera() {
    const { lng, lat } = this.map.getCenter();
    return { lon: lng, lat, zoom: this.map.getZoom(), bearing: this.map.getBearing() };
  }

  /** @returns {[number, number, number, number]} west, south, east, north of what is in view */
  get bbox() {
    const box = this.map.getBounds();
    return [box.getWest(), box.getSouth(), box.getEast(), box.getNorth()];
  }

  /** The picture as a PNG data address, drawn in this very task. @returns {string} */
  picture() {
    this.map.redraw();
    return this.map.getCanvas().toDataURL("image/png");
  }

  remove() {
    this.map.remove();
  }
}

/**
 * The tiles that places lie in, at every zoom.
 * @param {[number, number][]} places @param {number} minzoom @param {number} maxzoom
 */
function tilesAt(places, minzoom, maxzoom) {
  const zooms = Array.from({ length: maxzoom - minzoom + 1 }, (_, step) => minzoom + step);
  return places.flatMap((place) => {
    const { x, y } = maplibre.MercatorCoordinate.fromLngLat(place);
    return zooms.map((z) => ({ z, x: Math.floor(x * 2 ** z), y: Math.floor(y * 2 ** z) }));
  });
}
