/** Keeps the map, its counts and the drawer true while incidents come in and change. */

import { may } from "./account.js";
import { app, views } from "./app.js";
import { byId } from "./dom.js";
import { renewDrawer } from "./drawer.js";
import { renewCount } from "./filters.js";
import { onLanguage } from "./i18n.js";
import { renewLayers } from "./layers.js";
import { drawConnection, startLive } from "./live.js";
import { complain } from "./messages.js";
import { isAboutIncidents } from "./tiles.js";

/** ms: changes of so short a time are drawn together, where they happened; while they go on, so rarely. */
const [TOGETHER, GOING_ON] = [200, 2000];
/**
 * ms, at the least and by chance on top of it: then follows where a moved incident was before and
 * what is coloured by counts; not on every page in the same moment, and while changes go on, so rarely.
 */
const [AFTERWARDS, APART, ALL_GOING_ON] = [2000, 5000, 30_000];
/** More places than this are the whole map. */
const FEW = 50;

/** @type {import("./live.js").Connection} */
let state = "waiting";
/** @type {import("./dispatch/query.js").Incident[]} changed and not drawn yet */
let changed = [];
let soon = 0;
let later = 0;
/** ms: when changes were drawn last, where they happened and everywhere */
let [drawn, drawnAll] = [-Infinity, -Infinity];
/** whether more than incidents may have changed */
let everything = false;

export function startFollowing() {
  if (!may("incident.read")) return;
  const box = byId("live");
  box.hidden = false;
  const draw = () => drawConnection(box, state);
  draw();
  onLanguage(draw);
  startLive({
    hello: () => {},
    incidents: follow,
    reload: () => { everything = true; follow([]); },
    connection: (now) => {
      state = now;
      draw();
      if (now === "live") for (const view of views()) for (const id of view.failed) view.renew(id);
      if (now === "signed-out") complain("", { status: 401 });
    },
  }, { after: app.district.data_version, onlySeen: true });
}

/** @param {import("./dispatch/query.js").Incident[]} items */
function follow(items) {
  changed.push(...items);
  const now = performance.now();
  soon ||= window.setTimeout(drawPlaces, Math.max(TOGETHER, drawn + GOING_ON - now));
  later ||= window.setTimeout(drawAll, Math.max(AFTERWARDS, drawnAll + ALL_GOING_ON - now) + Math.random() * APART);
}

function drawPlaces() {
  const items = changed;
  [soon, changed, drawn] = [0, [], performance.now()];
  /** @type {[number, number][]} */
  const places = items.flatMap(({ lon, lat }) => (lon === null || lat === null ? [] : [[lon, lat]]));
  if (places.length && places.length <= FEW) {
    for (const layer of app.layers.filter((one) => isAboutIncidents(one) && one.geometry === "point")) {
      for (const view of views()) view.refresh(layer.id, places);
    }
  }
  void renewCount();
  renewDrawer(items.map(({ id }) => String(id)));
}

function drawAll() {
  const all = everything;
  [later, everything, drawnAll] = [0, false, performance.now()];
  renewLayers((layer) => all || isAboutIncidents(layer));
}
