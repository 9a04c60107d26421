/** Taking the view elsewhere: a link, a snapshot file, a picture, a printed sheet. */

import { may } from "./account.js";
import { address, filterQuery } from "./api.js";
import { app, views } from "./app.js";
import { byId, fill, h } from "./dom.js";
import { formatLinks } from "./exports/links.js";
import { countText, described } from "./filters.js";
import { dateTime, language, onLanguage, pick, t } from "./i18n.js";
import { isChoropleth, isHeat } from "./layers.js";
import { legendRows } from "./legend.js";
import { say } from "./messages.js";
import { get, writeNow } from "./state.js";
import { isAboutIncidents } from "./tiles.js";

export function startExport() {
  byId("tool-link").addEventListener("click", copyLink);
  byId("tool-print").addEventListener("click", () => window.print());
  byId("tool-export").addEventListener("click", () => toggleMenu());
  byId("tool-export").setAttribute("aria-haspopup", "true");
  byId("tool-export").setAttribute("aria-expanded", "false");
  document.addEventListener("pointerdown", (event) => {
    const target = /** @type {Element} */ (event.target);
    if (!target.closest?.("#export-menu, #tool-export")) toggleMenu(false);
  });
  byId("export-menu").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    toggleMenu(false);
    byId("tool-export").focus();
  });
  window.addEventListener("beforeprint", preparePrint);
  onLanguage(() => toggleMenu(false));
}

/** @returns {string} the address that shows this very view */
export function link() {
  writeNow();
  const url = new URL(location.href);
  url.searchParams.set("lang", language());
  return url.href;
}

export async function copyLink() {
  const text = link();
  try {
    await navigator.clipboard.writeText(text);
    say(t("link.copied"), { key: "link" });
  } catch {
    // No clipboard without a secure origin: the address is shown, selected, to copy by hand.
    const field = h("input", { class: "field", readonly: true, value: text, "aria-label": t("link.label") });
    say(t("link.manual"), { key: "link", seconds: 20 });
    document.querySelector("#messages .message:last-child span")?.append(field);
    field.select();
  }
}

/** @param {boolean} [open] */
function toggleMenu(open = byId("export-menu").hidden) {
  const menu = byId("export-menu");
  menu.hidden = !open;
  byId("tool-export").setAttribute("aria-expanded", String(open));
  if (!open) return;
  const filters = filterQuery(get().filters);
  const { clientWidth: width, clientHeight: height } = app.main.map.getContainer();
  const bbox = app.main.bbox.map((value) => value.toFixed(6)).join(",");
  const item = (/** @type {string} */ key, /** @type {string} */ href, /** @type {string} */ file) => h("a", {
    href, download: file, class: "menu-item", on: { click: () => toggleMenu(false) },
  }, h("b", { text: t(`export.${key}`) }), h("span", { class: "note", text: t(`export.${key}Hint`) }));
  fill(menu,
    may("snapshot.make") && item("snapshot", address("/snapshot.html", { layers: snapshotLayers().join(","), lang: language(), ...filters }), "map.html"),
    item("heatmap", address("/heatmap.png", {
      bbox, width: Math.min(2048, width), height: Math.min(2048, height), ...filters,
    }), "heatmap.png"),
    h("button", {
      type: "button", class: "menu-item", on: { click: () => { toggleMenu(false); savePicture(); } },
    }, h("b", { text: t("export.picture") }), h("span", { class: "note", text: t("export.pictureHint") })),
    h("p", { class: "data-row note", text: t("export.data") }),
    layersInSight().map((layer) => h("div", { class: "data-row" }, h("b", { text: pick(layer.title) }),
      h("div", { class: "formats" }, formatLinks(`/api/exports/layers/${layer.id}`, filterQuery(get().filters, layer.filters))))),
    h("a", { class: "menu-item", href: "/exports" }, h("b", { text: t("export.more") })));
  /** @type {HTMLElement|null} */ (menu.querySelector(".menu-item"))?.focus();
}

/** The layers whose data are on the map now; a basemap is nobody's data. */
const layersInSight = () => app.layers.filter((layer) =>
  layer.group !== "basemap" && views().some((view) => view.shown[layer.id]?.on));

/**
 * What a snapshot shall hold: the layers in sight, points as heat; a file for the whole district
 * has no use for a basemap, nor for buildings that are not in sight.
 */
function snapshotLayers() {
  const heat = app.layers.find(isHeat);
  const zoom = app.main.map.getZoom();
  const wanted = app.layers.filter((layer) => !["basemap", "patrols", "communities", "planning"].includes(layer.group)
    && views().some((view) => view.shown[layer.id]?.on
      && view.drawing(layer.id).some((item) => (item.minzoom ?? 0) <= zoom)));
  const ids = wanted.map((layer) =>
    (isAboutIncidents(layer) && !isChoropleth(layer) ? heat?.id ?? layer.id : layer.id));
  return [...new Set(ids)];
}

function savePicture() {
  h("a", { href: app.main.picture(), download: "map.png" }).click();
}

/** Fills the sheet that alone is printed: title, filters in words, picture, legend, source. */
function preparePrint() {
  const { district } = app;
  const chips = described().map((chip) => chip.text);
  const layers = app.layers.filter((layer) => views().some((view) => view.shown[layer.id]?.on));
  fill(byId("print-sheet"),
    h("header", {}, h("h1", { text: pick(district.title) }),
      district.illustrative && h("span", { class: "badge", text: t("badge.illustrative") })),
    h("p", { text: [countText(), ...chips].join(" · ") }),
    h("div", { class: "pictures" }, views().map((view) => h("figure", {},
      h("img", { src: view.picture(), alt: t("map.label") }),
      get().compare && h("figcaption", {
        text: pick(app.layers.find((layer) => view.shown[layer.id]?.on && (isHeat(layer) || isChoropleth(layer)))?.title),
      })))),
    h("div", { class: "legends" }, layers.map((layer) => h("section", {}, h("h3", { text: pick(layer.title) }),
      h("ul", { class: "legend" }, legendRows(layer, app.tiles[layer.id], app.style))))),
    h("footer", { text: [
      t("print.at", { when: dateTime(new Date()) }), byId("attribution").textContent,
      district.map_approval_number && t("footer.approval", { number: district.map_approval_number }),
    ].filter(Boolean).join(" · ") }));
}
