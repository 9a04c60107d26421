/** What is selected: an area, a clicked place or an incident, read from the service. */

import { may } from "./account.js";
import { getJSON, isAbort, latest } from "./api.js";
import { app, ENDED, LEVELS, views } from "./app.js";
import { flyTo, isPhone, reveal } from "./camera.js";
import { className } from "./classes.js";
import { copyLink } from "./export.js";
import { byId, fill, h, icon } from "./dom.js";
import { remember } from "./filters.js";
import { area as areaText, dateTime, distance, date, known, number, onLanguage, percent, t } from "./i18n.js";
import { incidentList, renewList, signInNote } from "./incidents.js";
import { complain } from "./messages.js";
import { get, on, set, setFilters } from "./state.js";

const signal = latest();
/** @type {(() => Promise<void>)|null} counts the incidents of the area shown again */
let recount = null;

export function startDrawer() {
  on(["selection"], () => void show());
  onLanguage(() => { if (get().selection) void show(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && get().selection && !event.defaultPrevented) close();
  });
  for (const view of views()) listenTo(view);
  if (get().selection) void show();
}

/**
 * A click on the map selects what lies there; Enter selects what lies in the middle.
 * @param {import("./map.js").MapView} view
 */
export function listenTo(view) {
  const { map } = view;
  map.on("click", (/** @type {any} */ event) => pick(view, event.point, event.lngLat));
  map.getCanvas().addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter") return;
    const centre = map.getCenter();
    pick(view, map.project(centre), centre);
  });
  const points = view.drawing("incidents").filter((layer) => layer.type === "circle").map((layer) => layer.id);
  for (const id of points) {
    map.on("mouseenter", id, () => { map.getCanvas().style.cursor = "pointer"; });
    map.on("mouseleave", id, () => { map.getCanvas().style.cursor = ""; });
  }
}

/** @param {import("./map.js").MapView} view @param {{x: number, y: number}} point @param {{lng: number, lat: number}} at */
function pick(view, point, at) {
  const layers = view.drawing("incidents").filter((layer) => layer.type === "circle").map((layer) => layer.id);
  const box = [[point.x - 5, point.y - 5], [point.x + 5, point.y + 5]];
  const [hit] = layers.length ? view.map.queryRenderedFeatures(box, { layers }) : [];
  if (hit?.properties.count) {
    const [lon, lat] = hit.geometry.coordinates;
    flyTo({ lon, lat, zoom: Math.min(view.map.getZoom() + 2, 19) });
    return;
  }
  set({
    selection: hit ? { kind: "incident", id: String(hit.properties.id) }
      : { kind: "point", lon: at.lng, lat: at.lat },
  });
  if (view === app.main) reveal(at.lng, at.lat);
}

export function close() {
  set({ selection: null });
  app.main.map.getCanvas().focus();
}

/** @param {any} geometry */
function outline(geometry) {
  for (const view of views()) view.select(geometry);
}

/** What incidents have changed the drawer tells anew. @param {string[]} ids */
export function renewDrawer(ids) {
  const { selection } = get();
  if (selection?.kind === "incident") {
    if (ids.includes(selection.id)) void show();
  } else if (selection) {
    recount?.().catch((error) => complain(t("counts.what"), error));
    renewList();
  }
}

async function show() {
  recount = null;
  const { selection } = get();
  const drawer = byId("drawer");
  const opening = drawer.hidden;
  drawer.hidden = !selection;
  document.body.classList.toggle("has-drawer", Boolean(selection));
  if (!selection) {
    signal();
    outline(null);
    return;
  }
  if (opening) fill(drawer, head(t("drawer.loading"), "", null));
  drawer.setAttribute("aria-busy", "true");
  const one = signal();
  try {
    if (selection.kind === "area") await showArea(selection, one);
    else if (selection.kind === "point") await showPoint(selection, one);
    else await showIncident(selection, one);
    if (opening && isPhone()) drawer.scrollTop = 0;
  } catch (error) {
    if (isAbort(error)) return;
    outline(null);
    fill(drawer, head(t("drawer.failed"), "", null), h("p", { class: "note", text: /** @type {Error} */ (error).message }),
      h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => void show() } }));
  }
  drawer.removeAttribute("aria-busy");
}

/** @param {string} kind @param {string} code @param {string|null} symbol @param {string} [name] */
function head(kind, code, symbol, name = "") {
  return h("header", { class: "drawer-head" },
    h("p", { class: "kind" }, symbol && icon(symbol), h("span", { text: kind }), code && h("code", { text: code })),
    name && h("h2", { text: name }),
    h("button", {
      type: "button", class: "quiet close", "aria-label": t("drawer.close"), title: t("drawer.close"), on: { click: close },
    }, icon("close")));
}

/** 街道 › 社区 › 网格 › 楼栋, each a way there. @param {any} path @param {string} [current] level shown */
function crumbs(path, current) {
  const parts = LEVELS.filter((level) => path?.[level]);
  return h("nav", { "aria-label": t("drawer.path") }, h("ol", { class: "crumbs" },
    parts.map((level) => h("li", {}, h("button", {
      type: "button", class: "crumb", title: t(`level.${level}`), "aria-current": level === current ? "location" : null,
      on: { click: () => goTo(level, path[level].code) },
    }, h("small", { text: t(`level.${level}`) }), h("span", { text: path[level].name || path[level].code }))))));
}

/** @param {string} level @param {string} code */
function goTo(level, code) {
  set({ selection: { kind: "area", level, code } });
  flyTo({ level, code });
}

/** @param {any[]} rows of [label, value] @returns {HTMLElement} */
const facts = (rows) => h("dl", { class: "facts" }, rows.filter(Boolean).map(([label, value]) =>
  h("div", {}, h("dt", { text: label }), h("dd", {}, value))));

/**
 * An area as /api/areas answers, and its facts; all incidents and the open ones, whatever the
 * filters, are counted again by `recount`.
 * @param {string} level @param {string} code @param {AbortSignal} signal
 * @returns {Promise<{found: any, told: HTMLElement}>}
 */
async function readArea(level, code, signal) {
  const count = () => getJSON("/api/incidents/count", { [level]: code }, { signal });
  const [found, counts] = await Promise.all([
    getJSON(`/api/areas/${level}/${encodeURIComponent(code)}`, { geometry: true }, { signal }), count(),
  ]);
  let box = areaFacts(found, counts);
  recount = async () => {
    const anew = areaFacts(found, await count());
    box.replaceWith(anew);
    box = anew;
  };
  return { found, told: box };
}

/** @param {any} found @param {{count: number, open: number}} incidents */
function areaFacts(found, { count: total, open }) {
  const km2 = found.area_m2 / 1e6;
  const few = total < app.district.minimum_count;
  const rate = (/** @type {number} */ denominator, /** @type {string} */ key, /** @type {string} */ shown) =>
    denominator > 0 && [t(`fact.${key}`), few ? t("fact.few", { n: app.district.minimum_count })
      : t("fact.rate", { rate: number(total / denominator, 1), n: number(total), of: shown })];
  return facts([
    [t("fact.incidents"), t("fact.incidentsValue", { total: number(total), open: number(open) })],
    [t("fact.openShare"), total ? t("fact.share", { share: percent(open / total), n: number(open), of: number(total) }) : "—"],
    rate(km2, "perKm2", areaText(found.area_m2)),
    found.level !== "building" && rate(found.buildings ?? 0, "perBuilding", t("fact.buildingsCount", { n: found.buildings ?? 0 })),
    [t("fact.area"), areaText(found.area_m2)],
    found.buildings !== null && found.level !== "building" && [t("fact.buildings"), number(found.buildings)],
    found.children && found.children.level !== "building" && [t("fact.children", { level: t(`level.${found.children.level}`) }), number(found.children.count)],
    [t("fact.valid"), t("fact.validValue", { day: date(found.valid_from), revision: revisionName(found.revision) })],
  ]);
}

/** @param {number|null} id */
function revisionName(id) {
  const { revision } = app.district;
  return revision?.id === id ? revision?.label ?? "" : String(id ?? "—");
}

/** @param {any} found */
function actions(found) {
  const { level, code } = found;
  const filterable = ["street", "community", "grid"].includes(level);
  const active = filterable && /** @type {any} */ (get().filters)[level].includes(code);
  return h("div", { class: "actions" },
    found.bbox && h("button", { type: "button", class: "button", on: { click: () => flyTo({ bbox: found.bbox }) } },
      icon("zoom-to"), t("drawer.zoom")),
    filterable && h("button", {
      type: "button", class: "button", "aria-pressed": String(active),
      on: {
        click: (/** @type {any} */ event) => {
          remember(level, code, found.name);
          const only = !(/** @type {any} */ (get().filters)[level].includes(code));
          setFilters({ street: [], community: [], grid: [], ...(only ? { [level]: [code] } : {}) });
          event.currentTarget.setAttribute("aria-pressed", String(only));
        },
      },
    }, icon("filter"), t("drawer.only")),
    h("button", { type: "button", class: "button", on: { click: copyLink } }, icon("link"), t("drawer.copy")));
}

/** @param {any} found */
function children(found) {
  if (!found.children || !found.children.count) return null;
  const list = h("ul", { class: "children" });
  const load = async () => {
    if (list.childElementCount) return;
    fill(list, h("li", { class: "note", text: t("drawer.loading") }));
    try {
      const answer = await getJSON(`/api/areas/${found.level}/${encodeURIComponent(found.code)}/children`, { limit: 200 });
      fill(list, answer.items.map((/** @type {any} */ item) => h("li", {}, h("button", {
        type: "button", class: "link", text: item.name || item.code, title: item.code,
        on: { click: () => goTo(found.children.level, item.code) },
      }))), answer.next && h("li", { class: "note", text: t("drawer.more") }));
    } catch (error) {
      fill(list, h("li", { class: "note", text: /** @type {Error} */ (error).message }));
    }
  };
  return h("details", { class: "fold", on: { toggle: load } },
    h("summary", { text: t("drawer.children", { n: found.children.count, level: t(`level.${found.children.level}`) }) }), list);
}

/** @param {{level: string, code: string}} selection @param {AbortSignal} one */
async function showArea({ level, code }, one) {
  const { found, told } = await readArea(level, code, one);
  outline(found.geometry);
  remember(level, code, found.name);
  fill(byId("drawer"), head(t(`level.${level}`), code, level, found.name || code),
    crumbs(found.path, level), actions(found), told, children(found),
    incidentList({ [level]: code }, level));
}

/** The level a click means at a zoom: the finest whose areas are of a size to be clicked. */
const meant = () => {
  const zoom = app.main.map.getZoom();
  return zoom < 12 ? "street" : zoom < 14 ? "community" : zoom < 16.2 ? "grid" : "building";
};

/** @param {{lon: number, lat: number}} selection @param {AbortSignal} one */
async function showPoint({ lon, lat }, one) {
  const place = await getJSON("/api/locate", { lon: lon.toFixed(7), lat: lat.toFixed(7) }, { signal: one });
  const levels = LEVELS.slice(0, LEVELS.indexOf(/** @type {any} */ (meant())) + 1).filter((level) => place[level]);
  const level = levels.at(-1);
  const here = { type: "Point", coordinates: [lon, lat] };
  const position = `${lon.toFixed(6)}, ${lat.toFixed(6)}`;
  if (!level) {
    outline(here);
    fill(byId("drawer"), head(t("drawer.place"), position, "pin", t("place.outside")),
      h("p", { class: "note", text: t("place.outsideHint") }), placement(place));
    return;
  }
  const { code } = place[level];
  const { found, told } = await readArea(level, code, one);
  outline({ type: "GeometryCollection", geometries: [found.geometry, here] });
  fill(byId("drawer"), head(t(`level.${level}`), found.code, level, found.name || found.code),
    crumbs(place, level), placement(place, position), actions(found), told, children(found),
    incidentList({ [level]: code }, level));
}

/** How a position came to its areas, and what else it could be. @param {any} place @param {string} [position] */
function placement(place, position) {
  const said = LEVELS.filter((level) => place[level]).map((level) => {
    const { method, distance_m: metres } = place.levels?.[level] ?? place;
    return h("li", { text: t(method === "nearest" ? "place.nearest" : `place.${known(`place.${method}`) ? method : "none"}`, {
      level: t(`level.${level}`), distance: distance(metres ?? 0),
    }) });
  });
  // Those that lead stand in the path already.
  const candidates = (place.candidates ?? []).filter(
    (/** @type {any} */ item) => item.code !== place[item.level]?.code);
  return h("div", { class: "placement" },
    h("ul", { class: "methods" }, said.length ? said.slice(-2).reverse() : h("li", { text: t("place.none") })),
    position && h("p", { class: "note", text: t("place.position", { position }) }),
    candidates.length > 0 && h("div", { class: "candidates" }, h("p", { text: t("place.ambiguous") }),
      h("ul", {}, candidates.map((/** @type {any} */ item) => h("li", {}, h("button", {
        type: "button", class: "link", text: `${t(`level.${item.level}`)} ${item.name || item.code}`,
        on: { click: () => goTo(item.level, item.code) },
      }), item.distance_m > 0 && h("span", { class: "note", text: ` ${distance(item.distance_m)}` }))))));
}

/** @param {{id: string}} selection @param {AbortSignal} one */
async function showIncident({ id }, one) {
  if (!may("incident.read")) {
    outline(null);
    fill(byId("drawer"), head(t("drawer.incident"), "", "incident"), signInNote());
    return;
  }
  const base = `/api/incidents/${encodeURIComponent(id)}`;
  const [found, log] = await Promise.all([
    getJSON(base, {}, { signal: one }), getJSON(`${base}/log`, {}, { signal: one }),
  ]);
  outline(found.lon === null ? null : { type: "Point", coordinates: [found.lon, found.lat] });
  const ended = ENDED.includes(found.state);
  fill(byId("drawer"), head(t("drawer.incident"), found.code, "incident", className({ ...found.class, ...app.classes.find((item) => item.code === found.class.code) })),
    h("p", { class: `state ${ended ? "ended" : "open"}`, text: t(`state.${found.state}`) }),
    crumbs(found), placement({ ...found, ...found.placement, levels: found.placement }),
    h("div", { class: "actions" },
      found.lon !== null && h("button", { type: "button", class: "button", on: { click: () => flyTo({ lon: found.lon, lat: found.lat }) } },
        icon("zoom-to"), t("drawer.zoom")),
      h("button", { type: "button", class: "button", on: { click: copyLink } }, icon("link"), t("drawer.copy"))),
    facts([
      [t("fact.reported"), dateTime(found.reported_at)],
      found.due_at && [t("fact.due"), dateTime(found.due_at)],
      found.closed_at && [t("fact.closed"), dateTime(found.closed_at)],
      [t("fact.class"), `${found.class.code} ${found.class.name}`],
      [t("fact.source"), known(`source.${found.source}`) ? t(`source.${found.source}`) : found.source],
      found.address && [t("fact.address"), found.address],
      found.description && [t("fact.description"), found.description],
    ]),
    h("details", { class: "fold", open: true }, h("summary", { text: t("drawer.log") }),
      h("ol", { class: "log" }, log.items.map((/** @type {any} */ row) => h("li", {},
        h("time", { datetime: row.at, text: dateTime(row.at) }),
        h("span", { text: known(`action.${row.action}`) ? t(`action.${row.action}`) : row.action }),
        h("span", { class: "note", text: [known(`actor.${row.actor}`) ? t(`actor.${row.actor}`) : row.actor, t(`state.${row.state}`)].filter(Boolean).join(" · ") }))))));
}
