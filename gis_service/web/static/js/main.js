/** Starts the page: what there is to show, what the link asks for, then the map and its parts. */

import { loginAddress, startAccount } from "./account.js";
import { ApiError, getJSON } from "./api.js";
import { app, views } from "./app.js";
import { padding } from "./camera.js";
import { layOut, startCompare, watchCompare } from "./compare.js";
import { startControls } from "./controls.js";
import { byId, debounce, h } from "./dom.js";
import { startDrawer } from "./drawer.js";
import { startExport } from "./export.js";
import { startFilters } from "./filters.js";
import { startFollowing } from "./following.js";
import { language, onLanguage, pick, setLanguage, setTimezone, t } from "./i18n.js";
import { defaults, isHeat, shownOn, startLayers } from "./layers.js";
import { canDraw, MapView } from "./map.js";
import { complain, notice } from "./messages.js";
import { startSearch } from "./search.js";
import { fromHash, get, onForeignHash, set, writeNow } from "./state.js";
import { ordered } from "./style.js";
import { tileSource } from "./tiles.js";
import { replay, startTimeline } from "./timeline.js";

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  startLanguage();
  startAccount();
  if (!canDraw()) {
    notice(t("error.webgl"), h("p", { text: t("error.webglHint") }));
    return;
  }
  const classes = getJSON("/api/classes");
  [app.district, { items: app.layers }, app.style] = await Promise.all([
    getJSON("/api/district"), getJSON("/api/layers"), getJSON("/styles/map.json"),
  ]);
  // What this account may not see the style leaves out.
  app.locked = app.layers.filter(({ id }) => !(id in app.style.sources));
  app.layers = app.layers.filter(({ id }) => id in app.style.sources);
  app.style = ordered(app.style, app.layers);
  setTimezone(app.district.timezone);
  head();
  onLanguage(head);
  if (!app.district.bbox) {
    empty();
    return;
  }
  readLink();
  layOut();
  app.main = new MapView(byId("map-main"), {
    style: app.style, tiles: Object.fromEntries(app.layers.map((layer) => [layer.id, tileSource(layer)])),
    shown: shownOn("main"), camera: get().camera,
    bounds: app.district.bbox, padding: padding(),
  });
  app.main.map.once("load", () => performance.mark("first-picture"));
  // Tests and the curious ask the map through this.
  Object.assign(window, { gisMap: app.main.map, gisApp: app });
  startControls();
  startSearch();
  startExport();
  startCompare();
  [, { items: app.classes }] = await Promise.all([app.main.ready, classes]);
  watchMap();
  watchCompare();
  startLayers();
  startFilters();
  startTimeline();
  startDrawer();
  startFollowing();
  onForeignHash(readLink);
  document.body.classList.add("ready");
}

/** The state the address asks for; layers it does not name are as their folders say. */
function readLink() {
  const { layersOn, camera, ...asked } = fromHash(location.hash);
  const layers = layersOn
    ? Object.fromEntries(app.layers.map(({ id }) => [id, { on: id in layersOn, opacity: layersOn[id] ?? 1 }]))
    : defaults();
  set({ ...asked, layers, ...(camera ? { camera } : {}) });
  if (camera && app.main) {
    app.main.map.jumpTo({ center: [camera.lon, camera.lat], zoom: camera.zoom, bearing: camera.bearing });
  }
}

/** Follows the camera into the link, evens the heat and reports tiles that fail. */
function watchMap() {
  const { map } = app.main;
  const camera = () => set({ camera: app.main.camera });
  map.on("moveend", camera);
  camera();
  const even = debounce(() => {
    for (const view of views()) for (const layer of app.layers) if (isHeat(layer)) view.normaliseHeat(layer.id);
  }, 120);
  map.on("idle", even);
  map.on("error", (/** @type {any} */ event) => {
    const layer = app.layers.find((item) => item.id === event.sourceId);
    complain(layer ? pick(layer.title) : t("map.what"), new Error(t("error.tiles")),
      layer && (() => {
        for (const view of views()) view.renew(layer.id);
        replay();
      }));
    console.warn(event.error?.message ?? "map error");
  });
  map.getCanvas().addEventListener("webglcontextlost", () => notice(t("error.lost"),
    h("button", { type: "button", class: "button", text: t("error.reload"), on: { click: () => location.reload() } })));
}

function head() {
  const { district } = app;
  document.title = pick(district.title);
  byId("title").textContent = pick(district.title);
  byId("illustrative").hidden = !district.illustrative;
}

function empty() {
  notice(t("empty.title"), h("p", { text: t("empty.hint") }),
    h("pre", {}, h("code", { text: "gis-service load hierarchy FILE\ngis-service load incidents FILE --mapping MAP.toml" })),
    h("p", { text: t("empty.demo") }), h("pre", {}, h("code", { text: "make demo" })),
    h("button", { type: "button", class: "button", text: t("error.reload"), on: { click: () => location.reload() } }));
  onLanguage(empty);
}

/** The language button keeps the view: only the address's lang changes. */
function startLanguage() {
  const button = byId("language");
  const label = () => {
    button.textContent = language() === "zh" ? "EN" : "中文";
    button.lang = language() === "zh" ? "en" : "zh-CN";
  };
  label();
  onLanguage(label);
  button.addEventListener("click", () => {
    setLanguage(language() === "zh" ? "en" : "zh").then(() => {
      const url = new URL(location.href);
      url.searchParams.set("lang", language());
      history.replaceState(null, "", url);
      if (app.main) writeNow();
    }).catch((error) => complain(t("language.what"), error));
  });
  document.querySelector(".skip")?.addEventListener("click", (event) => {
    event.preventDefault();
    byId("search-input").focus();
  });
}

start().catch((error) => {
  if (error instanceof ApiError && error.status === 401) {
    location.replace(loginAddress());
    return;
  }
  console.warn(error);
  notice(t("error.start"), h("p", { text: error.message }), h("p", { text: t("error.startHint") }),
    h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => location.reload() } }));
});
