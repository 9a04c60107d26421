/** One incident on one sheet of A4. */

import { app, LEVELS } from "../app.js";
import { byId, fill, h } from "../dom.js";
import { dateTime, pick, t } from "../i18n.js";
import { desk } from "./desk.js";
import { className, squadName, unitName } from "./names.js";
import { word } from "./row.js";

/** Fills the sheet and opens the browser's print dialogue. @param {any} item with its log */
export async function printCase(item) {
  const sheet = byId("print-sheet");
  const row = (/** @type {string} */ label, /** @type {any} */ value) => value && h("tr", {}, h("th", { scope: "row", text: label }), h("td", {}, value));
  const photos = item.photos.slice(0, 4).map((/** @type {any} */ photo) => h("img", {
    src: `/api/incidents/${item.id}/photos/${photo.id}?size=full`, alt: t(`dispatch.purpose.${photo.purpose}`) }));
  fill(sheet,
    h("header", {}, h("h1", { text: `${className(item.class)} · ${item.code}` }), h("span", { text: pick(app.district.title) }),
      app.district.illustrative && h("span", { class: "badge", text: t("badge.illustrative") })),
    h("div", { class: "sheet-top" },
      h("table", {}, h("tbody", {},
        row(t("dispatch.state"), [t(`state.${item.state}`), item.urgent && t("dispatch.only.urgent"), item.supervised && t("dispatch.only.supervised")].filter(Boolean).join(" · ")),
        row(t("dispatch.part.place"), LEVELS.filter((level) => item[level]).map((level) => item[level].name || item[level].code).join(" › ") || t("place.none")),
        row(t("fact.address"), item.address), row(t("fact.description"), item.description),
        row(t("fact.source"), [word("source", item.source), item.external_id !== item.code && item.external_id].filter(Boolean).join(" ")),
        row(t("fact.reported"), dateTime(item.reported_at)),
        row(t("fact.due"), item.due_at && [dateTime(item.due_at), item.due_provisional && `（${t("dispatch.flag.provisional")}）`]),
        row(t("dispatch.why"), item.due_explained),
        row(t("dispatch.unit"), item.unit && unitName(item.unit)), row(t("dispatch.squad"), item.squad && squadName(item.squad)),
        row(t("place.position", { position: "" }).replace(/[:：]\s*$/, ""), item.lon !== null && `${item.lon.toFixed(6)}, ${item.lat.toFixed(6)}`))),
      item.lon !== null && h("figure", {}, h("img", { class: "sheet-map", src: app.main.picture(), alt: t("map.label") }))),
    photos.length > 0 && h("div", { class: "sheet-photos" }, photos),
    h("h2", { text: t("drawer.log") }),
    h("table", { class: "sheet-log" }, h("tbody", {}, item.log.map((/** @type {any} */ one) => h("tr", {},
      h("td", { text: dateTime(one.at) }), h("td", { text: word("action", one.action) }), h("td", { text: word("actor", one.actor) }),
      h("td", { text: [one.detail?.reason, one.detail?.note].filter(Boolean).join(" · ") }))))),
    h("footer", { text: [t("print.at", { when: dateTime(new Date()) }), desk.session.display_name,
      app.district.map_approval_number && t("footer.approval", { number: app.district.map_approval_number })].filter(Boolean).join(" · ") }));
  // a picture that is missing must not keep the rest from paper
  await Promise.race([Promise.allSettled(photos.map((/** @type {HTMLImageElement} */ image) => image.decode())), new Promise((done) => { setTimeout(done, 4000); })]);
  window.print();
}
