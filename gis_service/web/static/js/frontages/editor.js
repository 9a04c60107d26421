/** The form of a frontage contract: where the shop is and the line before it, on a small map; what was
 * promised, by whom and until when. */

import { LngLat } from "../../vendor/maplibre-gl/maplibre-gl.mjs";
import { may } from "../account.js";
import { getJSON, isAbort, latest, send } from "../api.js";
import { app } from "../app.js";
import { openForm } from "../communities/forms.js";
import { byId, debounce, h } from "../dom.js";
import { addDays, distance, isoDay, language, t } from "../i18n.js";
import { canDraw } from "../map.js";
import { photoPicker } from "../pictures.js";
import { whereField } from "../where.js";

const YEAR = 365; // days, of a contract unless said otherwise
/** @type {any[]|null} */
let promises = null;

/** A contract as a request says it. @param {any} item */
const plain = (item) => ({
  ...Object.fromEntries(["shop", "address", "lon", "lat", "length_m", "valid_from", "valid_to", "ended_on", "attachment_id", "note", "version"].map((name) => [name, item[name]])),
  crs: "wgs84", items: item.items.map((/** @type {any} */ one) => one.code),
});

/** @param {any|null} item null: a new one @param {(code: string) => Promise<void>} saved */
export async function editFrontage(item, saved) {
  promises ??= (await getJSON("/api/community-words")).frontage_item;
  const photo = may("attachment.add") ? photoPicker(1) : null;
  const line = lineField(item);
  const today = isoDay(new Date());
  const path = item && `/api/frontages/${encodeURIComponent(item.code)}`;
  /** @type {import("../communities/forms.js").Field[]} */
  const fields = [
    { name: "shop", label: t("frontages.field.shop"), required: true },
    { name: "address", label: t("frontages.field.address") },
    { name: "where", label: t("frontages.field.where"), kind: "element", wide: true, element: line.element },
    { name: "length_m", label: t("frontages.field.length_m"), kind: "number", step: "0.1", required: true },
    { name: "valid_from", label: t("frontages.field.valid_from"), kind: "date", required: true },
    { name: "valid_to", label: t("frontages.field.valid_to"), kind: "date", required: true },
    { name: "items", label: t("frontages.field.items"), kind: "checks", options: (promises ?? []).map((one) => /** @type {[string, string]} */ ([one.code, (language() === "en" && one.name_en) || one.name])) },
    { name: "signatory", label: t("frontages.field.signatory"), hint: t(item?.has_signatory ? "frontages.signatoryStays" : "frontages.keptEncrypted") },
    { name: "phone", label: t("frontages.field.phone") },
    { name: "note", label: t("frontages.field.note"), kind: "words" },
  ];
  if (!item) fields.unshift({ name: "code", label: t("frontages.field.code"), required: true, most: 64 });
  if (photo) fields.push({ name: "scan", label: t("frontages.scan"), kind: "element", wide: true, element: photo.element });
  const values = item ? plain(item) : { valid_from: today, valid_to: addDays(today, YEAR - 1), items: (promises ?? []).map((one) => one.code) };
  openForm(t(item ? "frontages.edit" : "frontages.add"), fields, values, async ({ signatory, phone, ...said }) => {
    const body = {
      ...said, ...line.read(), signatory: signatory || null, phone: phone || null,
      ended_on: item?.ended_on ?? null, attachment_id: await scan(photo) ?? item?.attachment_id ?? null,
    };
    if (item) await send("PUT", path, { ...body, version: item.version });
    else await send("POST", "/api/frontages", body);
    await saved(item?.code ?? said.code);
  }, item ? { remove: async () => { await send("DELETE", path); await saved(""); } } : {});
  line.open();
}

/** Asks for the first day on which a contract no longer holds. @param {any} item @param {(code: string) => Promise<void>} saved */
export function endFrontage(item, saved) {
  openForm(t("frontages.endOf", { shop: item.shop }), [{ name: "ended_on", label: t("frontages.field.ended_on"), kind: "date", required: true }],
    { ended_on: item.ended_on ?? isoDay(new Date()) }, async ({ ended_on }) => {
      await send("PUT", `/api/frontages/${encodeURIComponent(item.code)}`, { ...plain(item), ended_on });
      await saved(item.code);
    });
}

/** @param {ReturnType<typeof photoPicker>|null} photo */
async function scan(photo) {
  const [file] = photo?.read() ?? [];
  if (!file) return null;
  const data = new FormData();
  data.append("photo", file);
  return (await send("POST", "/api/attachments", data)).id;
}

/** Where the shop is, and its line: measured along building or street, or drawn. @param {any|null} item */
function lineField(item) {
  /** @type {[number, number][]} corners drawn by hand, WGS84 */
  let corners = item?.measured === "drawn" ? item.geometry.coordinates : [];
  let touched = false; // whether the corners are other than what is kept
  let drawing = false;
  /** @type {any} */
  let ground = null;
  const measuring = latest();
  const told = h("p", { class: "note", role: "status" });
  const hand = h("button", { type: "button", class: "button", "aria-pressed": "false", on: { click: () => { drawing = !drawing; if (drawing) redraw([]); else shown(); } } }, t("frontages.draw"));
  const anew = h("button", { type: "button", class: "button", text: t("frontages.measureAnew"), on: { click: () => { drawing = false; redraw([]); } } });
  const where = whereField({
    map: Boolean(app.district.bbox), paste: true, name: "where", near: 18, changed: () => { if (where.at()) void shown(); },
    tapped: ({ lon, lat }) => { if (drawing) redraw([...corners, [lon, lat]]); return drawing; },
    shown: (found) => {
      ground = found;
      const map = ground.view.map;
      map.addSource("front", { type: "geojson", data: { type: "FeatureCollection", features: [] } });
      map.addLayer({ id: "front-line", type: "line", source: "front", paint: { "line-color": "#b3261e", "line-width": 4 } });
      map.addLayer({ id: "front-corner", type: "circle", source: "front", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-color": "#fff", "circle-radius": 4, "circle-stroke-color": "#b3261e", "circle-stroke-width": 2 } });
      void shown();
    },
  });
  const box = h("div", { class: "tile-part" }, where.element, h("div", { class: "where" }, hand, anew), told);
  if (item) void where.choose({ lon: item.lon, lat: item.lat, crs: "wgs84" });

  /** @returns {any} the length in the form, m; NaN where there is none */
  const length = () => Number.parseFloat(byId("dialog").querySelector("[name=length_m]")?.value ?? "");

  /** @param {[number, number][]} now */
  function redraw(now) {
    [corners, touched] = [now, true];
    if (corners.length > 1) {
      const metres = corners.slice(1).reduce((sum, corner, at) => sum + new LngLat(...corners[at]).distanceTo(new LngLat(...corner)), 0);
      const input = byId("dialog").querySelector("[name=length_m]");
      if (input) input.value = metres.toFixed(1);
    }
    void shown();
  }

  /** Draws the line as it would be, and says what gives it. */
  async function shown() {
    hand.setAttribute("aria-pressed", String(drawing));
    anew.hidden = corners.length === 0;
    const one = measuring();
    const at = where.at();
    if (drawing || corners.length > 1) {
      told.textContent = t(corners.length > 1 ? "frontages.drawnLine" : "frontages.drawHint");
      paint([...(corners.length > 1 ? [{ type: "LineString", coordinates: corners }] : []), ...corners.map((corner) => ({ type: "Point", coordinates: corner }))]);
      return;
    }
    told.textContent = at ? "" : t("frontages.needPlace");
    if (!at || !(length() > 0)) { paint([]); return; }
    try {
      const found = await getJSON("/api/frontages/measure", { lon: String(at.lon), lat: String(at.lat), crs: "wgs84", length_m: String(length()) }, { signal: one });
      told.textContent = `${distance(length())} · ${t(`frontages.measured.${found.measured}`)}`;
      paint([found.geometry]);
    } catch (error) {
      if (!isAbort(error)) told.textContent = /** @type {Error} */ (error).message;
    }
  }

  /** @param {any[]} shapes */
  const paint = (shapes) => ground?.view.map.getSource("front").setData({ type: "FeatureCollection", features: shapes.map((geometry) => ({ type: "Feature", properties: {}, geometry })) });

  return {
    element: box,
    /** Position and line as a request takes them. Throws an Error that says what is missing. */
    read() {
      const said = where.read();
      const at = said?.crs === "wgs84" ? said : where.at(); // the corners are WGS84, too
      if (!at) throw new Error(t("frontages.needPlace"));
      if (corners.length === 1) throw new Error(t("frontages.drawHint"));
      return { lon: at.lon, lat: at.lat, crs: "wgs84", line: touched ? corners : null };
    },
    open() {
      byId("dialog").querySelector("[name=length_m]").addEventListener("input", debounce(() => void shown(), 250));
      if (app.district.bbox && canDraw()) void where.showMap();
      void shown();
    },
  };
}
