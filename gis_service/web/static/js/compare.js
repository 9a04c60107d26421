/** Two maps side by side: the heat left, the choropleth right, one camera. */

import { app } from "./app.js";
import { fit, inSight } from "./camera.js";
import { byId } from "./dom.js";
import { listenTo } from "./drawer.js";
import { drawCards, shownOn, showLayers } from "./layers.js";
import { MapView } from "./map.js";
import { watchPointer } from "./controls.js";
import { get, on, set } from "./state.js";

export function startCompare() {
  byId("tool-compare").addEventListener("click", () => {
    // The narrower (or wider) map shows what the one before showed.
    const bbox = inSight();
    set({ compare: !get().compare });
    fit(bbox, 20);
  });
}

/** Opens or closes the second map as the state says. Its listener comes before the timeline's. */
export function watchCompare() {
  on(["compare"], update);
  if (get().compare) update();
}

/** Room for one map or two, before there are any. */
export function layOut() {
  const { compare } = get();
  byId("tool-compare").setAttribute("aria-pressed", String(compare));
  document.body.classList.toggle("compare", compare);
  byId("view-second").hidden = !compare;
}

function update() {
  const { compare } = get();
  layOut();
  if (compare && !app.second) {
    app.second = new MapView(byId("map-second"), {
      style: app.style, tiles: app.main.tiles, shown: shownOn("second"), camera: app.main.camera,
      bounds: app.district.bbox ?? [0, 0, 0, 0], padding: 0,
    });
    link(app.main, app.second);
    listenTo(app.second);
    watchPointer(app.second);
  } else if (!compare && app.second) {
    app.second.remove();
    app.second = null;
  }
  app.main.map.resize();
  showLayers();
  drawCards();
}

/** Each map follows the other, never its own echo. @param {MapView} first @param {MapView} second */
function link(first, second) {
  let busy = false;
  const follow = (/** @type {MapView} */ leader, /** @type {MapView} */ follower) => () => {
    if (busy || app.second !== second) return;
    busy = true;
    follower.map.jumpTo({
      center: leader.map.getCenter(), zoom: leader.map.getZoom(), bearing: leader.map.getBearing(),
    });
    busy = false;
  };
  first.map.on("move", follow(first, second));
  second.map.on("move", follow(second, first));
}
