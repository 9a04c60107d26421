/** Legends: what colours and signs of a layer mean. */

import { app } from "./app.js";
import { h } from "./dom.js";
import { figure, language, pick, t } from "./i18n.js";
import { classes, layerOf } from "./style.js";

/**
 * @typedef {{zh: string, en: string, shape: string, color?: string, stops?: [number|string|null, string][],
 *   ends?: {zh: [string, string], en: [string, string]}}} LegendRow
 * @typedef {import("./layers.js").LayerInfo} LayerInfo
 * @typedef {import("./tiles.js").TileJson} TileJson
 */

/** @param {LegendRow} row @returns {HTMLElement} */
export const swatch = (row) =>
  h("span", { class: `swatch ${row.shape}`, "aria-hidden": "true", css: { "--colour": row.color ?? "" } });

/**
 * Legend rows of a layer; a ramp over classes takes its numbers from the TileJSON's breaks.
 * @param {LayerInfo} layer @param {TileJson|undefined} tiles @param {any} style as served
 * @returns {HTMLElement[]}
 */
export function legendRows(layer, tiles, style) {
  return layer.legend.map((row) => {
    if (row.shape !== "ramp") {
      return h("li", {}, swatch(row), h("span", { text: rowLabel(row) }));
    }
    return row.ends ? gradient(row) : steps(row, layer, tiles, style);
  });
}

/** What a row says; "too few" names its number. @param {LegendRow} row */
export const rowLabel = (row) =>
  (row.shape === "hatch" ? t("legend.few", { label: pick(row), n: app.district.minimum_count }) : pick(row));

/** @param {LegendRow} row */
function gradient(row) {
  const stops = (row.stops ?? []).map(([, colour]) => colour);
  const ends = row.ends?.[language()] ?? ["", ""];
  return h("li", { class: "ramp-row" },
    h("span", { text: pick(row) }),
    h("span", { class: "ramp", css: { "background-image": `linear-gradient(90deg, ${stops.join(", ")})` } }),
    h("span", { class: "ramp-ends" }, h("span", { text: ends[0] }), h("span", { text: ends[1] })));
}

/** @param {LegendRow} row @param {LayerInfo} layer @param {TileJson|undefined} tiles @param {any} style */
function steps(row, layer, tiles, style) {
  const drawn = style.layers.find(
    (/** @type {any} */ item) => layerOf(item) === layer.id && item.metadata?.["gis:breaks"],
  );
  const breaks = tiles?.breaks?.[drawn?.metadata["gis:breaks"]] ?? [];
  const found = drawn ? classes(drawn.paint["fill-color"], breaks) : [];
  const title = tiles?.unit ? t("legend.unit", { label: pick(row), unit: pick(tiles.unit) }) : pick(row);
  return h("li", { class: "ramp-row" },
    h("span", { text: title }),
    found.length ? h("ul", { class: "classes" }, found.map(({ colour, from, to }) => h("li", {},
      swatch({ ...row, shape: "fill", color: colour }),
      h("span", { text: from === null ? `≤ ${figure(to)}` : `${figure(from)} – ${figure(to)}` }))))
      : h("p", { class: "note", text: tiles ? t("legend.noClasses") : t("drawer.loading") }));
}
