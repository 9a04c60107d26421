/** A field that says where: by address, by a click on the map, or by pasted coordinates. */

import { getJSON, isAbort, latest } from "../api.js";
import { LEVELS } from "../app.js";
import { debounce, fill, h, icon } from "../dom.js";
import { distance, known, t } from "../i18n.js";
import { pasted } from "../pasted.js";
import { pickPlace, showPlaces, stopPicking } from "./ground.js";

/** @typedef {{lon: number, lat: number, crs: string}} Position */

const SYSTEMS = ["wgs84", "gcj02", "bd09", "cgcs2000"];

/** @param {any} found as /api/locate answers @returns {string} */
const pathOf = (found) => LEVELS.filter((level) => found[level]).map((level) => found[level].name || found[level].code).join(" › ");

/**
 * @param {{what: string, address?: string, changed?: () => void, name?: (address: string) => void}} options
 *   `what` is to be placed; `address` is looked up at once; `name` hears the address searched for
 */
export function placeField({ what, address = "", changed = () => {}, name = () => {} }) {
  /** @type {Position|null} */
  let chosen = null;
  /** @type {any[]} */
  let hits = [];
  const searching = latest();
  const locating = latest();
  const outcome = h("p", { class: "place-outcome", role: "status" });
  const list = h("ul", { class: "place-hits" });

  const search = h("input", {
    type: "search", class: "field", value: address, placeholder: t("dispatch.place.address"), "aria-label": t("dispatch.place.address"),
    maxLength: 200, on: { input: debounce(() => { name(search.value); void find(); }, 250) },
  });
  const system = h("select", { class: "field", "aria-label": t("dispatch.place.system"), on: { change: () => { epsg.hidden = system.value !== "epsg"; paste(); } } },
    SYSTEMS.map((crs) => h("option", { value: crs, text: t(`dispatch.crs.${crs}`) })), h("option", { value: "epsg", text: t("dispatch.crs.epsg") }));
  const epsg = h("input", { class: "field epsg", inputMode: "numeric", placeholder: "4549", "aria-label": t("dispatch.crs.epsg"), hidden: true, on: { input: () => paste() } });
  const numbers = h("input", {
    class: "field", placeholder: t("dispatch.place.coordinates"), "aria-label": t("dispatch.place.coordinates"), on: { input: debounce(() => paste(), 250) },
  });
  const pin = h("button", { type: "button", class: "button", on: { click: () => void pick() } }, icon("pin"), t("dispatch.place.pick"));

  const crsNow = () => (system.value === "epsg" ? `EPSG:${epsg.value.trim()}` : system.value);

  function paste() {
    const text = numbers.value.trim();
    if (!text) return;
    const crs = crsNow();
    const found = crs === "EPSG:" ? null : pasted(text, crs);
    if (found) void choose({ ...found, crs });
    else if (crs !== "EPSG:") fill(outcome, h("span", { class: "gap", text: t("dispatch.place.unreadable") }));
  }

  async function find() {
    const text = search.value.trim();
    const one = searching();
    hits = [];
    if (text) {
      try {
        hits = (await getJSON("/api/locate", { address: text, limit: 6 }, { signal: one })).items;
      } catch (error) {
        if (!isAbort(error)) fill(list, h("li", { class: "note", text: /** @type {Error} */ (error).message }));
        return;
      }
    }
    fill(list, text && !hits.length && h("li", { class: "note", text: t("dispatch.place.none") }),
      hits.map((hit) => h("li", {}, h("button", { type: "button", class: "place-hit", on: { click: () => take(hit) } },
        h("b", { text: hit.name }), h("span", { class: "note", text: pathOf(hit.path ?? {}) })))));
    pins();
  }

  /** @param {any} hit */
  const take = (hit) => void choose({ lon: hit.lon, lat: hit.lat, crs: "wgs84" });

  async function pick() {
    pin.setAttribute("aria-pressed", "true");
    const at = await pickPlace(what);
    pin.setAttribute("aria-pressed", "false");
    if (at) await choose({ ...at, crs: "wgs84" });
  }

  /** Takes a position and tells where that is before anything is sent. @param {Position} position */
  async function choose(position) {
    const one = locating();
    try {
      const found = await getJSON("/api/locate", { lon: position.lon, lat: position.lat, crs: position.crs }, { signal: one });
      chosen = position;
      const path = pathOf(found);
      const last = LEVELS.filter((level) => found[level]).at(-1);
      const how = last && found.levels[last];
      fill(outcome,
        path ? h("b", { text: path }) : h("span", { class: "gap", text: t("place.outside") }),
        h("span", { class: "note", text: [
          how && t(known(`place.${how.method}`) ? `place.${how.method}` : "place.none", { level: t(`level.${last}`), distance: distance(how.distance_m ?? 0) }),
          `${found.lon.toFixed(6)}, ${found.lat.toFixed(6)}`].filter(Boolean).join(" · ") }));
      pins(found);
      changed();
    } catch (error) {
      if (isAbort(error)) return;
      chosen = null;
      fill(outcome, h("span", { class: "gap", text: /** @type {Error} */ (error).message }));
      changed();
    }
  }

  /** @param {{lon: number, lat: number}} [at] the chosen place in WGS84 */
  function pins(at) {
    showPlaces(at ? [{ ...at, label: what, chosen: true }]
      : hits.map((hit) => ({ lon: hit.lon, lat: hit.lat, label: hit.name, choose: () => take(hit) })));
  }

  if (address) void find();
  return {
    element: h("div", { class: "place-field" }, h("div", { class: "place-row" }, search, pin), list,
      h("div", { class: "place-row" }, numbers, system, epsg), outcome),
    read: () => chosen ?? undefined,
    pick: () => void pick(),
    /** The words of the address, whether or not it was found. */
    address: () => search.value.trim(),
    end: () => { stopPicking(); showPlaces([]); },
    focus: () => search.focus(),
  };
}
