/** The ledger: entries on screen, written by hand, to Excel and back. */

import { may } from "../account.js";
import { address, getJSON, isAbort, latest, send } from "../api.js";
import { bring } from "../bringing.js";
import { keepAsked } from "../asked.js";
import { byId, fill, h } from "../dom.js";
import { addDays, isoDay, language, number, pick, setLanguage, setTimezone, showDay, t } from "../i18n.js";
import { complain, notice, say } from "../messages.js";

const DAYS = 90;
const PAGE = 500;
const next = latest();
/** what is asked for, as it stands in the address; `to` is the last day */
const asked = { community: "", unit: "", campaign: "", kind: "", from: "", to: "" };
/** @type {any[]} */
let items = [];
/** @type {string|null} */
let following = null;
/** @type {Record<string, any[]>} */
const lists = {};

const named = (/** @type {any} */ row) => (language() === "en" && row.name_en) || row.name;

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  const some = (/** @type {string} */ path, query = {}) => getJSON(path, query).then((answer) => answer.items);
  const district = await getJSON("/api/district");
  [lists.community, lists.unit, lists.campaign, lists.kind] = await Promise.all([
    some("/api/areas/community", { limit: 1000 }), some("/api/units"), some("/api/campaigns", { limit: 1000 }), some("/api/ledger/kinds"),
  ]);
  setTimezone(district.timezone);
  byId("district").textContent = pick(district.title);
  byId("illustrative").hidden = !district.illustrative;
  const given = new URLSearchParams(location.search);
  for (const name of /** @type {(keyof typeof asked)[]} */ (Object.keys(asked))) asked[name] = given.get(name) ?? "";
  asked.to ||= isoDay(new Date());
  asked.from ||= addDays(asked.to, 1 - DAYS);
  filters();
  byId("more").addEventListener("click", () => void load(true));
  byId("new")?.addEventListener("click", () => edit(null));
  byId("collect")?.addEventListener("click", () => void collect());
  byId("file")?.addEventListener("change", () => void bringSheet());
  await load();
  document.body.classList.add("ready");
}

/** The query, `to` exclusive. */
const query = () => ({ ...asked, to: addDays(asked.to, 1) });

function filters() {
  const change = (/** @type {keyof typeof asked} */ name) => ({ change: (/** @type {any} */ event) => { asked[name] = event.target.value; void load(); } });
  const choice = (/** @type {keyof typeof asked} */ name) => h("label", {}, t(`ledger.field.${name}`),
    h("select", { class: "field", id: `ask-${name}`, on: change(name) }, h("option", { value: "", text: t("figures.all") }),
      lists[name].map((one) => h("option", { value: one.code, text: name === "community" ? `${one.name} ${one.code}` : named(one), selected: one.code === asked[name] }))));
  const day = (/** @type {"from"|"to"} */ name) => h("label", {}, t(`figures.ask.${name}`), h("input", { class: "field", type: "date", id: `ask-${name}`, value: asked[name], required: true, on: change(name) }));
  fill(byId("filters"), choice("community"), choice("unit"), choice("campaign"), choice("kind"), day("from"), day("to"));
}

async function load(more = false) {
  const signal = next();
  keepAsked(asked);
  byId("export").setAttribute("href", address("/api/ledger/export", { ...query(), lang: language() }));
  try {
    const page = await getJSON("/api/ledger", { ...query(), limit: PAGE, cursor: more ? following : null }, { signal });
    items = more ? [...items, ...page.items] : page.items;
    following = page.next;
    draw();
  } catch (error) {
    if (!isAbort(error)) complain(t("ledger.title"), error, () => void load(more));
  }
}

function draw() {
  byId("count").textContent = t("ledger.count", { n: `${number(items.length)}${following ? "+" : ""}` });
  byId("more").hidden = !following;
  const heads = ["day", "kind", "title", "content", "result", "people", "community", "unit"];
  const kind = (/** @type {string} */ code) => { const found = lists.kind.find((one) => one.code === code); return found ? named(found) : code; };
  fill(byId("table"),
    h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col", text: t(`ledger.field.${name}`) })), may("ledger.write") && h("th", {}))),
    h("tbody", {}, items.map((one) => h("tr", { data: { entry: one.code } },
      h("td", {}, showDay(one.day), h("small", { text: one.code })), h("td", { text: kind(one.kind) }), h("td", { class: "words", text: one.title }),
      h("td", { class: "words", text: one.content }), h("td", { class: "words" }, one.result, one.note && h("small", { text: one.note })),
      h("td", { class: "number", text: one.people === null ? "—" : number(one.people) }),
      h("td", { text: one.community_name ?? "—" }), h("td", { text: (language() === "en" && one.unit_name_en) || one.unit_name || "—" }),
      may("ledger.write") && h("td", {}, h("button", { type: "button", class: "button small-button", text: t("ledger.edit"), on: { click: () => edit(one) } })))),
    !items.length && h("tr", {}, h("td", { colSpan: 9, text: t("ledger.none") }))));
}

/** @param {any} entry null: a new one */
function edit(entry) {
  const box = byId("form");
  box.hidden = false;
  const field = (/** @type {string} */ name, /** @type {HTMLElement} */ control, wide = false) => h("label", { class: wide ? "wide" : null }, t(`ledger.field.${name}`), control);
  const text = (/** @type {string} */ name, props = {}) => h("input", { class: "field", name, value: entry?.[name] ?? "", ...props });
  const select = (/** @type {string} */ name, required = false) => h("select", { class: "field", name }, !required && h("option", { value: "", text: "—" }),
    lists[name].map((one) => h("option", { value: one.code, text: named(one), selected: one.code === (entry ? entry[name] : asked[/** @type {keyof typeof asked} */ (name)]) })));
  const words = (/** @type {string} */ name) => { const area = h("textarea", { class: "field", name, rows: 3, maxLength: 4000 }); area.value = entry?.[name] ?? ""; return area; };
  fill(box, h("h2", { text: entry ? t("ledger.change", { code: entry.code }) : t("ledger.new") }), h("form", { class: "ledger-form", on: { submit: (/** @type {any} */ event) => { event.preventDefault(); void save(event.target, entry); } } },
    field("day", text("day", { type: "date", required: true, value: entry?.day ?? isoDay(new Date()) })), field("kind", select("kind", true)),
    field("people", text("people", { type: "number", min: 0, value: entry?.people === null || !entry ? "" : String(entry.people) })),
    field("community", select("community")), field("unit", select("unit")), field("campaign", select("campaign")),
    field("title", text("title", { required: true, maxLength: 300 }), true), field("content", words("content"), true), field("result", words("result"), true), field("note", text("note", { maxLength: 4000 }), true),
    h("div", { class: "actions" }, h("button", { type: "submit", class: "button primary", text: t("ledger.save") }),
      h("button", { type: "button", class: "button", text: t("ledger.leave"), on: { click: () => { box.hidden = true; } } }))));
  box.scrollIntoView({ block: "nearest" });
  box.querySelector("input")?.focus();
}

/** @param {HTMLFormElement} form @param {any} entry */
async function save(form, entry) {
  const data = new FormData(form);
  const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
  const body = {
    ...Object.fromEntries(["day", "kind", "title", "content", "result", "note"].map((name) => [name, text(name)])),
    people: text("people") === "" ? null : Number(text("people")),
    ...Object.fromEntries(["community", "unit", "campaign"].map((name) => [name, text(name) || null])),
  };
  try {
    const saved = entry ? await send("PUT", `/api/ledger/${encodeURIComponent(entry.code)}`, { ...body, version: entry.version }) : await send("POST", "/api/ledger", body);
    say(t("ledger.saved", { code: saved.code }));
    byId("form").hidden = true;
    await load();
  } catch (error) {
    complain(t("ledger.title"), error);
  }
}

async function collect() {
  try {
    const { added } = await send("POST", address("/api/ledger/collect", { from: asked.from, to: addDays(asked.to, 1) }));
    say(t("ledger.collected", { n: added }));
    await load();
  } catch (error) {
    complain(t("ledger.collect"), error);
  }
}

/** Shows what a sheet would change; applies it once that was seen. */
const bringSheet = () => bring(true, {
  path: "/api/ledger/import",
  words: { import: "ledger.import", apply: "ledger.apply", leave: "ledger.leave" },
  would: (found) => [
    h("h2", { text: t("ledger.wouldChange", { changed: number(found.changed), added: number(found.added), already: number(found.already) }) }),
    found.unknown_columns.length > 0 && h("p", { class: "note", text: t("com.unknownColumns", { names: found.unknown_columns.join(t("com.and")) }) }),
    found.changes.length > 0 && h("div", { class: "scroll" }, h("table", {}, h("tbody", {}, found.changes.slice(0, 500).map((/** @type {any} */ one) => h("tr", {},
      h("td", { text: t("ledger.row", { n: one.row }) }), h("td", { text: one.code }), h("td", { text: t(`ledger.field.${one.field}`) }),
      h("td", { class: "words", text: one.before ?? "—" }), h("td", { class: "words", text: one.after ?? "—" })))))),
  ],
  any: (found) => found.changed > 0 || found.added > 0,
  done: async (found) => {
    say(t("ledger.applied", { changed: number(found.changed), added: number(found.added) }));
    await load();
  },
});

start().catch((error) => {
  console.warn(error);
  notice(t("ledger.title"), h("p", { text: error.message }), h("p", { text: t("error.startHint") }),
    h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => location.reload() } }));
});
