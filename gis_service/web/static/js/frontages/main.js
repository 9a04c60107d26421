/** Frontage contracts: who must be looked at, what is to be put right, on a list and a map. */

import { may } from "../account.js";
import { address, getJSON, isAbort, latest, send } from "../api.js";
import { app } from "../app.js";
import { bring } from "../bringing.js";
import { keepAsked } from "../asked.js";
import { byId, debounce, fill, h } from "../dom.js";
import { language, number, pick, setLanguage, setTimezone, t } from "../i18n.js";
import { groundView } from "../ground_view.js";
import { legendRows } from "../legend.js";
import { canDraw } from "../map.js";
import { complain, notice, say } from "../messages.js";
import { closeDetail, openDetail, standing } from "./detail.js";
import { editFrontage } from "./editor.js";

const PAGE = 60;
// each card is a filter of the list: [name, query]
const CARDS = /** @type {[string, Record<string, string>][]} */ ([
  ["all", {}], ["inspection", { due: "inspection" }], ["rectification", { due: "rectification" }],
  ["rectification_overdue", { due: "rectification_overdue" }], ["expiring", { state: "expiring" }], ["expired", { state: "expired" }],
]);
const MOST_COUNTED = 1000; // the longest page there is
const next = latest();
/** what is asked for, as it stands in the address */
const asked = { show: "all", community: "", q: "" };
/** @type {any[]} */
let communities = [];
/** @type {any[]} */
let items = [];
/** @type {string|null} */
let following = null;

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  const [district, layers, style, areas] = await Promise.all([
    getJSON("/api/district"), getJSON("/api/layers"), getJSON("/styles/map.json"), getJSON("/api/areas/community", { limit: 1000 }),
  ]);
  [app.district, app.layers, app.style, communities] = [district, layers.items, style, areas.items];
  setTimezone(district.timezone);
  byId("district").textContent = pick(district.title);
  byId("illustrative").hidden = !district.illustrative;
  const given = new URLSearchParams(location.search);
  for (const name of /** @type {(keyof typeof asked)[]} */ (Object.keys(asked))) asked[name] = given.get(name) ?? asked[name];
  if (!CARDS.some(([name]) => name === asked.show)) asked.show = "all";
  filters();
  byId("more").addEventListener("click", () => void load(true));
  await Promise.all([load(), counts()]);
  await map();
  if (given.get("code")) await open(given.get("code") ?? "");
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !byId("dialog").open) closeDetail(); });
  document.body.classList.add("ready");
}

const shown = () => CARDS.find(([name]) => name === asked.show)?.[1] ?? {};
const query = () => ({ ...shown(), community: asked.community, q: asked.q });

function filters() {
  const search = debounce((/** @type {string} */ value) => { asked.q = value; void again(); }, 250);
  fill(byId("filters"),
    h("label", {}, t("frontages.community"), h("select", { class: "field", id: "ask-community", on: { change: (/** @type {any} */ event) => { asked.community = event.target.value; void again(); } } },
      h("option", { value: "", text: t("figures.all") }), communities.map((one) => h("option", { value: one.code, text: `${one.name} ${one.code}`, selected: one.code === asked.community })))),
    h("label", {}, t("frontages.search"), h("input", { class: "field", type: "search", id: "ask-q", maxLength: 100, value: asked.q, on: { input: (/** @type {any} */ event) => search(event.target.value.trim()) } })),
    h("span", { class: "documents" },
      may("frontage.manage") && h("button", { type: "button", class: "button primary", id: "new", text: t("frontages.add"), on: { click: () => void add() } }),
      h("a", { class: "button", id: "export", download: "", text: t("frontages.export") }),
      may("frontage.manage") && h("label", { class: "button" }, t("frontages.import"), h("input", { type: "file", id: "file", class: "visually-hidden", accept: ".xlsx,.csv", on: { change: () => void bringSheet() } }))));
  byId("filters").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
}

async function again() {
  await Promise.all([load(), counts()]);
}

/** How many stand how, each a list of its own. */
async function counts() {
  try {
    const pages = await Promise.all(CARDS.map(([, one]) => getJSON("/api/frontages", { ...one, community: asked.community, q: asked.q, limit: MOST_COUNTED })));
    fill(byId("cards"), CARDS.map(([name], at) => h("div", { class: `card ${name.startsWith("rect") || name === "inspection" ? "missing" : ""}`, data: { show: name } },
      h("span", { text: t(`frontages.show.${name}`) }),
      h("button", { type: "button", "aria-pressed": String(asked.show === name), on: { click: () => { asked.show = name; void again(); } } },
        h("b", { text: `${number(pages[at].items.length)}${pages[at].next ? "+" : ""}` })),
      h("small", { text: t(`frontages.means.${name}`) }))));
  } catch (error) {
    if (!isAbort(error)) complain(t("frontages.standing"), error, () => void counts());
  }
}

async function load(more = false) {
  const signal = next();
  keepAsked(asked);
  byId("export").setAttribute("href", address("/api/frontages", { ...query(), format: "xlsx", lang: language() }));
  try {
    const page = await getJSON("/api/frontages", { ...query(), limit: PAGE, cursor: more ? following : null }, { signal });
    items = more ? [...items, ...page.items] : page.items;
    following = page.next;
    byId("count").textContent = t(following ? "frontages.countFirst" : "frontages.count", { n: number(items.length) });
    byId("more").hidden = !following;
    fill(byId("list"), items.map(row), !items.length && h("li", { class: "none", text: t("frontages.none") }));
  } catch (error) {
    if (!isAbort(error)) complain(t("frontages.title"), error, () => void load(more));
  }
}

/** @param {any} item */
const row = (item) => h("li", {}, h("button", { type: "button", class: "frontage", data: { code: item.code }, on: { click: () => void open(item.code) } },
  h("span", {}, h("b", { text: item.shop }), h("small", { text: [item.code, item.address, item.community?.name].filter(Boolean).join(" · ") })),
  h("span", { class: "words" }, standing(item))));

/** @param {string} code */
const open = (code) => openDetail(code, async () => { app.main?.renew("frontages"); await again(); });

async function map() {
  const box = byId("map");
  if (!app.district.bbox || !canDraw()) {
    box.append(h("p", { class: "note", text: t(app.district.bbox ? "error.webgl" : "empty.title") }));
    return;
  }
  const layer = app.layers.find((one) => one.id === "frontages");
  app.main = await groundView(box, { padding: 12, label: t("frontages.map"), drawn: (one) => ["basemap", "areas"].includes(one.group) || one.id === "frontages" });
  if (layer) fill(byId("legend"), legendRows(layer, undefined, app.style));
  const ids = app.style.layers.filter((/** @type {any} */ one) => one.source === "frontages" && one.type !== "symbol").map((/** @type {any} */ one) => one.id);
  app.main.map.on("click", (/** @type {any} */ event) => {
    const { x, y } = event.point;
    const here = app.main.map.queryRenderedFeatures([[x - 6, y - 6], [x + 6, y + 6]], { layers: ids })[0];
    if (here) void open(here.properties.code);
  });
}

async function add() {
  try {
    await editFrontage(null, async (code) => { say(t("frontages.saved")); app.main?.renew("frontages"); await again(); await open(code); });
  } catch (error) {
    complain(t("frontages.add"), error);
  }
}

/** Checks a sheet; takes it in once that was seen. */
const bringSheet = () => bring(true, {
  path: "/api/frontages/import",
  words: { import: "frontages.import", apply: "frontages.apply", leave: "frontages.leave" },
  would: (found) => [h("h2", { text: t("frontages.wouldChange", { n: number(found.loaded), already: number(found.already) }) })],
  any: (found) => found.loaded > 0,
  done: async (found) => {
    say(t("frontages.applied", { n: number(found.loaded) }));
    app.main?.renew("frontages");
    await again();
  },
});

start().catch((error) => {
  console.warn(error);
  notice(t("frontages.title"), h("p", { text: error.message }), h("p", { text: t("error.startHint") }),
    h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => location.reload() } }));
});
