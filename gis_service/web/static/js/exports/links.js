/** Links to a list or layer as a file of each format. */

import { address } from "../api.js";
import { h } from "../dom.js";
import { language } from "../i18n.js";
import { onTake } from "./taking.js";

/** What people call the formats. */
export const FORMATS = { csv: "CSV", xlsx: "Excel", geojson: "GeoJSON", gpkg: "GeoPackage" };

/**
 * @param {string} path below which the formats are @param {import("../api.js").Query} query
 * @param {string} [className] @returns {HTMLElement[]}
 */
export const formatLinks = (path, query, className = "link") => Object.entries(FORMATS).map(([format, text]) => h("a", {
  class: className, download: true, href: address(`${path}.${format}`, { ...query, lang: language() }), text, on: { click: onTake },
}));
