/** Buttons on the map, the foot line with position and scale, and the panel's opening. */

import { ScaleControl, Marker } from "../vendor/maplibre-gl/maplibre-gl.mjs";
import { app } from "./app.js";
import { flyTo, goHome, isPhone } from "./camera.js";
import { byId } from "./dom.js";
import { onLanguage, t } from "./i18n.js";
import { say } from "./messages.js";
import { set } from "./state.js";

export function startControls() {
  const { map } = app.main;
  byId("tool-in").addEventListener("click", () => map.zoomIn());
  byId("tool-out").addEventListener("click", () => map.zoomOut());
  byId("tool-north").addEventListener("click", () => map.resetNorth());
  byId("tool-home").addEventListener("click", goHome);
  byId("tool-locate").addEventListener("click", locate);
  byId("tool-full").addEventListener("click", fullscreen);
  byId("tool-full").hidden = !document.fullscreenEnabled;
  map.on("rotate", () => {
    const needle = byId("tool-north").querySelector(".icon");
    if (needle instanceof SVGElement) needle.style.transform = `rotate(${-map.getBearing()}deg)`;
  });
  const scale = new ScaleControl({ maxWidth: 90, unit: "metric" });
  map.addControl(scale, "bottom-right");
  byId("scale").append(/** @type {any} */ (scale)._container);
  foot();
  onLanguage(foot);
  watchPointer(app.main);
  startPanel();
}

function foot() {
  const { district } = app;
  byId("attribution").textContent = [plain(district.basemap_attribution), "MapLibre"].filter(Boolean).join(" · ");
  const approval = byId("approval");
  approval.hidden = !district.map_approval_number;
  approval.textContent = district.map_approval_number ? t("footer.approval", { number: district.map_approval_number }) : "";
  byId("coordinates").title = t("footer.coordinates");
  app.main.map.getCanvas().setAttribute("aria-label", t("map.label"));
}

/** Attributions may carry markup; only their words are shown. @param {string} [text] */
const plain = (text) =>
  (text ? new DOMParser().parseFromString(text, "text/html").body.textContent ?? "" : "");

/** @param {import("./map.js").MapView} view */
export function watchPointer(view) {
  const write = (/** @type {{lng: number, lat: number}} */ at) => {
    byId("coordinates").textContent = `WGS84 ${at.lng.toFixed(6)}, ${at.lat.toFixed(6)}`;
  };
  view.map.on("mousemove", (/** @type {any} */ event) => write(event.lngLat));
  view.map.on("moveend", () => write(view.map.getCenter()));
  write(view.map.getCenter());
}

/** @type {any} */
let marker = null;

function locate() {
  if (!navigator.geolocation || !window.isSecureContext) {
    say(t("locate.unavailable"), { key: "locate", kind: "error", seconds: 8 });
    return;
  }
  say(t("locate.busy"), { key: "locate", seconds: 12 });
  navigator.geolocation.getCurrentPosition(({ coords }) => {
    const { longitude: lon, latitude: lat, accuracy } = coords;
    say(t("locate.found", { accuracy: Math.round(accuracy) }), { key: "locate" });
    marker ??= new Marker({ color: "#0b57d0" });
    marker.setLngLat([lon, lat]).addTo(app.main.map);
    set({ selection: { kind: "point", lon, lat } });
    flyTo({ lon, lat });
  }, (error) => say(t(error.code === 1 ? "locate.denied" : "locate.failed"), {
    key: "locate", kind: "error", seconds: 8, retry: error.code === 1 ? undefined : locate,
  }), { enableHighAccuracy: true, timeout: 12000 });
}

function fullscreen() {
  const done = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
  done.catch((error) => say(t("error.what", { what: t("tools.fullscreen"), why: error.message }), { kind: "error", seconds: 6 }));
}

/** The panel: collapsible beside the map, a sheet from below on a phone. */
function startPanel() {
  const panel = byId("panel");
  const shut = (/** @type {boolean} */ closed) => {
    panel.classList.toggle("closed", closed);
    panel.inert = closed;
    byId("panel-open").hidden = !closed;
    document.body.classList.toggle("panel-closed", closed);
    app.main.map.resize();
    app.second?.map.resize();
  };
  byId("panel-collapse").addEventListener("click", () => { shut(true); byId("panel-open").focus(); });
  byId("panel-open").addEventListener("click", () => { shut(false); byId("panel-collapse").focus(); });
  const lift = (/** @type {boolean} */ up) => {
    panel.classList.toggle("up", up);
    byId("panel-handle").setAttribute("aria-expanded", String(up));
  };
  byId("panel-handle").addEventListener("click", () => lift(!panel.classList.contains("up")));
  byId("search-input").addEventListener("focus", () => { if (isPhone()) lift(true); });
  app.main.map.on("click", () => lift(false));
  app.main.map.on("dragstart", () => lift(false));
  matchMedia("(max-width: 720px)").addEventListener("change", (event) => { if (event.matches) shut(false); });
}
