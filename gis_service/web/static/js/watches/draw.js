/** Drawing a polygon: each click on the map adds a corner. Fetched only by who draws. */

import { smallMap } from "../small_map.js";

/**
 * @param {HTMLElement} container
 * @param {(corners: [number, number][]) => void} changed corners in WGS84, as they are now
 */
export async function drawing(container, changed) {
  /** @type {[number, number][]} */
  let corners = [];
  const { view } = await smallMap(container, ({ lon, lat }) => { corners = [...corners, [lon, lat]]; show(); });
  const map = view.map;
  const shape = () => ({
    type: "FeatureCollection",
    features: [
      ...(corners.length > 2 ? [{ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [[...corners, corners[0]]] } }] : []),
      ...(corners.length > 1 ? [{ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: corners } }] : []),
      ...corners.map((corner) => ({ type: "Feature", properties: {}, geometry: { type: "Point", coordinates: corner } })),
    ],
  });
  const show = () => {
    map.getSource("drawn").setData(shape());
    changed(corners);
  };
  map.addSource("drawn", { type: "geojson", data: shape() });
  map.addLayer({ id: "drawn-area", type: "fill", source: "drawn", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": "#1558b0", "fill-opacity": .2 } });
  map.addLayer({ id: "drawn-line", type: "line", source: "drawn", paint: { "line-color": "#1558b0", "line-width": 2 } });
  map.addLayer({ id: "drawn-corner", type: "circle", source: "drawn", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-color": "#fff", "circle-radius": 5, "circle-stroke-color": "#1558b0", "circle-stroke-width": 2 } });
  map.getCanvas().style.cursor = "crosshair";
  return { clear() { corners = []; show(); }, view };
}
