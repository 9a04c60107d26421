/** The layer switcher, and which layer is drawn on which map. */

import { account, signInLink } from "./account.js";
import { app, LEVELS, views } from "./app.js";
import { byId, fill, h } from "./dom.js";
import { number, onLanguage, pick, t } from "./i18n.js";
import { legendRows, swatch } from "./legend.js";
import { get, on, set, setLayer } from "./state.js";
import { layerOf } from "./style.js";
import { isAboutIncidents, loadBreaks, tileSource } from "./tiles.js";

/**
 * @typedef {{id: string, title: {zh: string, en: string}, description: {zh: string, en: string},
 *   group: "areas"|"incidents"|"analysis"|"patrols"|"communities"|"planning"|"basemap", source: string, geometry: string,
 *   minzoom: number, maxzoom: number, filters: string[], visible: boolean, breaks: string|null,
 *   legend: import("./legend.js").LegendRow[], fields: Record<string, any>}} LayerInfo
 */

const GROUPS = ["analysis", "patrols", "communities", "planning", "incidents", "areas", "basemap"];
/** @type {Set<string>} layers whose opacity slider is open */
const opened = new Set();

/** @param {LayerInfo} layer @returns {boolean} whether it is drawn as a heatmap */
export const isHeat = (layer) =>
  app.style.layers.some((/** @type {any} */ item) => layerOf(item) === layer.id && item.type === "heatmap");

/** @param {LayerInfo} layer @returns {boolean} whether it colours areas by what happened there */
export const isChoropleth = (layer) => layer.group === "analysis" && layer.geometry === "polygon";

/** @param {LayerInfo} layer @returns {boolean} whether it fills areas with colours or patterns */
const fills = (layer) => ["analysis", "patrols", "communities"].includes(layer.group) && layer.geometry === "polygon";

/** @returns {LayerInfo|undefined} the choropleth that is on, else the first */
export const choropleth = () => {
  const all = app.layers.filter(isChoropleth);
  return all.find((layer) => get().layers[layer.id]?.on) ?? all[0];
};

/**
 * What of the layers is drawn on a map: side by side the main map has the heat and the second the
 * choropleth; while time plays, what stands for the whole period is hidden.
 * @param {"main"|"second"} name
 * @returns {Record<string, {on: boolean, opacity: number}>}
 */
export function shownOn(name) {
  const { layers, compare, timeline } = get();
  return Object.fromEntries(app.layers.map((layer) => {
    const { on: wanted, opacity } = layers[layer.id] ?? { on: false, opacity: 1 };
    let drawn = wanted;
    if (compare && isAboutIncidents(layer)) {
      drawn = name === "main" ? isHeat(layer) : layer.id === choropleth()?.id;
    }
    if (timeline.open && isAboutIncidents(layer)) drawn = false;
    // Classes are drawn once their bounds are known: colours without a legend would mislead.
    if (layer.breaks && !app.tiles[layer.id]) drawn = false;
    return [layer.id, { on: drawn, opacity }];
  }));
}

/** Draws the layers as the state wants them, on every map. */
export function showLayers() {
  for (const view of views()) {
    const shown = shownOn(view === app.main ? "main" : "second");
    for (const [id, { on: drawn, opacity }] of Object.entries(shown)) view.show(id, drawn, opacity);
  }
}

/** @type {Set<string>} layers whose class breaks are of other filters */
const stale = new Set();
/** @type {Set<string>} layers whose class breaks are on their way */
const asked = new Set();

/** Gives each layer that the filters change its new tiles. */
function refreshTiles() {
  for (const layer of app.layers.filter((one) => one.filters.length)) {
    for (const view of views()) view.setTiles(layer.id, tileSource(layer));
    stale.add(layer.id);
    asked.delete(layer.id); // what is on its way is of the filters before
  }
  void refreshBreaks();
}

/** Asks anew for what layers show. @param {(layer: LayerInfo) => boolean} which */
export function renewLayers(which) {
  for (const layer of app.layers.filter(which)) {
    for (const view of views()) view.refresh(layer.id);
    stale.add(layer.id);
    asked.delete(layer.id); // what is on its way may be of before
  }
  void refreshBreaks();
}

/** Fetches the class breaks that what is switched on wants and has not got. */
async function refreshBreaks() {
  const { layers, compare } = get();
  const wanted = app.layers.filter((layer) => layer.breaks
    && (layers[layer.id]?.on || (compare && layer === choropleth())));
  await Promise.all(wanted.map(async (layer) => {
    if (stale.has(layer.id) || !app.tiles[layer.id]) {
      if (asked.has(layer.id)) return; // a step of the slider asks for nothing twice
      asked.add(layer.id);
      if (!(await loadBreaks(layer, () => { asked.delete(layer.id); void refreshBreaks(); }))) return;
      asked.delete(layer.id);
      stale.delete(layer.id);
    }
    for (const view of views()) view.colour(layer.id, app.tiles[layer.id].breaks ?? {});
    showLayers();
    drawSwitcher();
    drawCards();
  }));
}

/** Layer states for a page opened without a link: as each layer.toml says. */
export const defaults = () =>
  Object.fromEntries(app.layers.map((layer) => [layer.id, { on: layer.visible, opacity: 1 }]));

export function startLayers() {
  drawSwitcher();
  drawCards();
  void refreshBreaks();
  onLanguage(() => { drawSwitcher(); drawCards(); });
  on(["layers", "compare", "timeline"], () => {
    showLayers();
    drawSwitcher();
    drawCards();
    void refreshBreaks();
  });
  on(["filters"], refreshTiles);
  app.main.map.on("zoomend", hint);
  hint();
}

function drawSwitcher() {
  fill(byId("layers"), GROUPS.map((group) => {
    const members = app.layers.filter((layer) => layer.group === group).sort(byLevel);
    // what signing in would show; what another role would, is nobody's business here
    const locked = account ? [] : app.locked.filter((layer) => layer.group === group && !["patrols", "communities", "planning"].includes(layer.group));
    return members.length + locked.length > 0 && h("fieldset", { class: "layer-group" },
      h("legend", { text: t(`layers.group.${group}`) }), locked.map(lockedRow), members.map(row));
  }));
  hint();
}

/** Areas from the coarsest to the finest. @param {LayerInfo} a @param {LayerInfo} b */
const byLevel = (a, b) => LEVELS.indexOf(/** @type {any} */ (a.id)) - LEVELS.indexOf(/** @type {any} */ (b.id));

/** @param {LayerInfo} layer */
function row(layer) {
  const { on: shown, opacity } = get().layers[layer.id];
  const many = layer.legend.length > 1 || layer.legend[0]?.shape === "ramp";
  const open = opened.has(layer.id);
  // A basemap explains itself; its legend comes with its settings.
  const explained = many && (open || layer.group !== "basemap");
  return h("div", { class: "layer", data: { layer: layer.id } },
    h("div", { class: "layer-head" },
      h("label", { title: pick(layer.description) },
        h("input", {
          type: "checkbox", class: "switch", role: "switch", checked: shown,
          data: { focus: `on-${layer.id}` },
          on: { change: (/** @type {any} */ event) => toggle(layer, event.target.checked) },
        }),
        !many && layer.legend[0] && swatch(layer.legend[0]),
        h("span", { text: pick(layer.title) })),
      h("span", { class: "hint note", hidden: true }),
      shown && h("button", {
        type: "button", class: "quiet small", "aria-expanded": String(open), data: { focus: `opacity-${layer.id}` },
        title: t("layers.opacity"), "aria-label": t("layers.opacityOf", { layer: pick(layer.title) }),
        text: `${number(opacity * 100)}%`,
        on: { click: () => { opened[open ? "delete" : "add"](layer.id); drawSwitcher(); } },
      })),
    shown && open && h("input", {
      type: "range", min: "0.1", max: "1", step: "0.05", value: String(opacity), class: "opacity",
      data: { focus: `range-${layer.id}` }, "aria-label": t("layers.opacityOf", { layer: pick(layer.title) }),
      on: {
        input: (/** @type {any} */ event) => {
          for (const view of views()) view.show(layer.id, view.shown[layer.id].on, Number(event.target.value));
        },
        change: (/** @type {any} */ event) => setLayer(layer.id, { opacity: Number(event.target.value) }),
      },
    }),
    shown && explained && h("ul", { class: "legend" }, legendRows(layer, app.tiles[layer.id], app.style)));
}

/** A layer that it takes an account to see. @param {LayerInfo} layer */
const lockedRow = (layer) => h("div", { class: "layer locked" },
  h("div", { class: "layer-head" },
    h("label", { title: pick(layer.description) },
      h("input", { type: "checkbox", class: "switch", role: "switch", disabled: true }),
      h("span", { text: pick(layer.title) })),
    signInLink(t("layers.signIn"))));

/** Two fills over each other tell nothing: one replaces the other. @param {LayerInfo} layer @param {boolean} shown */
function toggle(layer, shown) {
  const layers = { ...get().layers, [layer.id]: { ...get().layers[layer.id], on: shown } };
  if (shown && fills(layer)) {
    for (const other of app.layers) {
      if (other !== layer && fills(other)) layers[other.id] = { ...layers[other.id], on: false };
    }
  }
  set({ layers });
}

/** Says beside a layer that is on why it cannot be seen: too far out, or hidden by the way of looking. */
function hint() {
  const zoom = app.main.map.getZoom();
  const { layers, compare, timeline } = get();
  for (const layer of app.layers) {
    const note = document.querySelector(`[data-layer="${layer.id}"] .hint`);
    if (!(note instanceof HTMLElement)) continue;
    const drawn = app.main.drawing(layer.id).map((item) => item.minzoom ?? 0);
    const from = Math.max(layer.minzoom ?? 0, drawn.length ? Math.min(...drawn) : 0);
    const points = isAboutIncidents(layer) && !isHeat(layer) && !isChoropleth(layer);
    const key = points && timeline.open ? "layers.notPlaying" : points && compare ? "layers.notCompared"
      : zoom < from ? "layers.zoomIn" : "";
    note.hidden = !(layers[layer.id]?.on && key);
    if (key) note.textContent = t(key);
  }
}

/** The card on each map with the legends of what analyses it shows. */
export function drawCards() {
  const { compare, timeline } = get();
  for (const [name, view] of /** @type {const} */ ([["main", app.main], ["second", app.second]])) {
    const box = byId(`view-${name}`);
    const card = box.querySelector(".legend-card");
    const title = box.querySelector(".view-title");
    const cards = !view || timeline.open ? [] : app.layers.filter(
      (layer) => (isChoropleth(layer) || isHeat(layer)) && view.shown[layer.id]?.on);
    title.hidden = !(compare && view);
    if (compare && view) {
      const layer = name === "main" ? app.layers.find(isHeat) : choropleth();
      title.textContent = layer ? pick(layer.title) : "";
    }
    if (timeline.open) continue; // the timeline writes these cards itself
    card.hidden = cards.length === 0;
    fill(card, cards.flatMap((layer) => [
      h("h3", { text: pick(layer.title) }),
      h("ul", { class: "legend" }, legendRows(layer, app.tiles[layer.id], app.style)),
    ]));
  }
}
