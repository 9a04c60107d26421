/** The lists behind figures of a period: activities, opinions, posts, stations; filtered as the address says. */

import { address, getJSON, isAbort, latest } from "../api.js";
import { keepAsked } from "../asked.js";
import { byId, fill, h } from "../dom.js";
import { addDays, dateTime, language, number, showDay, t } from "../i18n.js";
import { complain } from "../messages.js";
import { opinionRow } from "./opinions.js";
import { begin, counted, hours, nameOf, option, showDistrict, words } from "./words.js";

const COUNTS = ["residents", "households", "volunteers", "pledges", "staff", "quizzed", "passed"];
const AT_ONCE = 300; // rows drawn at once
const ASKED = 1000; // rows asked for at once
const asking = latest();
/** @type {any[]} */
let streets = [];
/** @type {any[]} */
let communities = [];
/** @type {Record<string, string>} what the service is asked for, as it stands in the address */
let asked = {};
/** @type {any[]} */
let branches = [];
let of = "activities";

/** @type {(names: string[], key: string) => () => [string, string][]} */
const said = (names, key) => () => names.map((name) => [name, t(`${key}.${name}`)]);
const yes = () => /** @type {[string, string][]} */ ([["true", t("com.lists.yes")], ["false", t("com.lists.no")]]);

/** @type {Record<string, () => [string, string][]>} filters that are chosen from options */
const CHOICES = {
  street: () => streets.map(option), community: () => communities.map(option), kind: () => words.activity_kind.map(option),
  counted: said(COUNTS, "com.count"), origin: said(["survey", "activity", "post"], "com.lists.origin"), heard: yes, adopted: yes, open: yes, gridded: yes, registered: yes, branch: () => branches.map(option),
};

/** @type {Record<string, {path: string, filters: string[], states: () => [string, string][], draw: (items: any[]) => any}>} */
const LISTS = {
  activities: { path: "/api/activities", filters: ["from", "to", "street", "community", "kind", "state", "counted", "branch"], states: said(["planned", "done", "cancelled"], "com.activity"), draw: activities },
  opinions: { path: "/api/opinions", filters: ["from", "to", "street", "community", "origin", "state", "heard", "adopted"], states: said(["open", "following", "answered"], "com.opinion"), draw: (items) => h("ul", { class: "rows" }, items.map((one) => opinionRow(one, load, true))) },
  posts: { path: "/api/posts", filters: ["street", "community", "state", "gridded"], states: said(["staffed", "vacant", "none"], "com.state"), draw: posts },
  branches: { path: "/api/party-branches", filters: ["from", "to", "registered"], states: () => [], draw: parties },
  stations: { path: "/api/stations", filters: ["street", "community", "open"], states: () => [], draw: stations },
};

async function start() {
  await begin();
  showDistrict();
  const given = new URLSearchParams(location.search);
  if ((given.get("of") ?? "") in LISTS) of = given.get("of") ?? of;
  [streets, communities] = await Promise.all(["street", "community"].map((level) => getJSON(`/api/areas/${level}`, { limit: 1000 }).then((found) => found.items)));
  if (of === "activities") branches = (await getJSON("/api/party-branches")).items;
  asked = Object.fromEntries(LISTS[of].filters.map((name) => [name, given.get(name) ?? ""]).filter(([, value]) => value));
  fill(byId("tabs"), Object.keys(LISTS).map((name) => h("a", { class: "button", href: address(location.pathname, { of: name, ...shared(name) }), "aria-current": name === of ? "page" : null, text: t(`com.lists.${name}`) })));
  filters();
  await load();
  document.body.classList.add("ready");
}

/** What is asked for that another list understands, too. @param {string} name */
const shared = (name) => Object.fromEntries(["from", "to", "street", "community"].filter((one) => asked[one] && LISTS[name].filters.includes(one)).map((one) => [one, asked[one]]));

function filters() {
  const set = (/** @type {string} */ name, /** @type {string} */ value) => {
    if (value) asked[name] = value;
    else delete asked[name];
    void load();
  };
  fill(byId("filters"), LISTS[of].filters.map((name) => {
    if (name === "from" || name === "to") {
      // days on the page include the last one, the service's do not
      const shown = name === "to" && asked.to ? addDays(asked.to, -1) : asked[name] ?? "";
      return h("label", {}, t(`figures.ask.${name}`), h("input", { class: "field", type: "date", id: `ask-${name}`, value: shown, on: { change: (/** @type {any} */ event) => set(name, name === "to" && event.target.value ? addDays(event.target.value, 1) : event.target.value) } }));
    }
    const options = name === "state" ? LISTS[of].states() : CHOICES[name]();
    return h("label", {}, t(`com.lists.ask.${name}`), h("select", { class: "field", id: `ask-${name}`, on: { change: (/** @type {any} */ event) => set(name, event.target.value) } },
      h("option", { value: "", text: t("com.all") }), options.map(([value, text]) => h("option", { value, text, selected: value === asked[name] }))));
  }));
}

async function load() {
  const signal = asking();
  const { path, draw } = LISTS[of];
  keepAsked({ of, ...asked });
  for (const format of ["csv", "xlsx"]) byId(format).href = address(path, { ...asked, format, lang: language() });
  byId("list-name").textContent = t(`com.lists.${of}`);
  try {
    /** @type {any[]} */
    const items = [];
    for (let cursor = ""; ;) {
      const { items: page, next } = await getJSON(path, { ...asked, ...(of === "branches" ? {} : { limit: ASKED, cursor }) }, { signal });
      items.push(...page);
      if (!next) break;
      cursor = next;
    }
    byId("list-note").textContent = t("com.lists.rows", { n: number(items.length) });
    show(items, AT_ONCE, draw);
  } catch (error) {
    if (!isAbort(error)) complain(t("com.lists.title"), error, () => void load());
  }
}

/** @param {any[]} items @param {number} most @param {(items: any[]) => any} draw */
function show(items, most, draw) {
  fill(byId("rows"), of === "activities" && items.length > 0 && sums(items),
    items.length ? draw(items.slice(0, most)) : h("p", { class: "note none", text: t("com.none") }),
    items.length > most && h("button", { type: "button", class: "button more", text: t("com.lists.more", { n: number(items.length - most) }), on: { click: () => show(items, most + AT_ONCE, draw) } }));
}

/** @param {[string, boolean?][]} columns key of the heading, whether words @param {any[]} rows cells */
const table = (columns, rows) => h("table", {}, h("thead", {}, h("tr", {}, columns.map(([key, left]) => h("th", { scope: "col", class: left ? "left" : null, text: t(key) })))),
  h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((/** @type {any} */ value, /** @type {number} */ at) => h("td", { class: columns[at][1] ? "left" : null }, value))))));

/** @param {any} one @param {string} tab */
const place = (one, tab) => (one.community ? h("a", { class: "link", href: `/communities/${encodeURIComponent(one.community.code)}#${tab}`, text: nameOf(one.community) }) : "—");

/** @param {any[]} items */
function activities(items) {
  return table([["com.lists.when", true], ["level.community", true], ["com.kind", true], ["com.name", true], ["com.unit", true], ["com.stateLabel", true], ["com.count.residents"], ["com.count.households"], ["com.tab.opinions"]],
    items.map((one) => [dateTime(one.starts_at), place(one, `activities=${one.code}`), nameOf(one.kind), one.title, nameOf(one.unit) || "—",
      h("span", { class: `tag ${one.unrecorded ? "unrecorded" : one.state}`, text: t(one.unrecorded ? "com.unrecorded" : `com.activity.${one.state}`) }), counted(one.residents), counted(one.households),
      one.opinions ? h("a", { class: "link", href: `/communities/${encodeURIComponent(one.community.code)}#activities=${one.code}`, text: number(one.opinions) }) : "0"]));
}

/** Sums of what was counted, with in how many it was. @param {any[]} items */
const sums = (items) => h("p", { class: "note sums" }, COUNTS.map((name) => {
  const known = items.filter((one) => one[name] !== null);
  return known.length ? t("com.lists.sum", { what: t(`com.count.${name}`), sum: number(known.reduce((total, one) => total + one[name], 0)), n: number(known.length), of: number(items.length) }) : "";
}).filter(Boolean).join(" · "));

/** @param {any[]} items */
function posts(items) {
  return table([["level.street", true], ["level.community", true], ["com.stateLabel", true], ["com.lists.contact", true], ["com.phone", true], ["com.lists.gaps", true]],
  items.map((one) => [nameOf(one.street), place(one, "activities"), h("span", { class: `post-state ${one.state}`, text: t(`com.state.${one.state}`) }), one.contact ?? "—", one.phone ?? "—", one.gaps.map((/** @type {string} */ gap) => t(`com.gap.${gap}`)).join(t("com.and")) || "—"]));
}

/** The whole roster, with what its branches did in the period. @param {any[]} items */
function parties(items) {
  const held = (/** @type {any} */ one) => address("/lists", { of: "activities", from: asked.from, to: asked.to, state: "done", branch: one.code });
  return table([["com.lists.code", true], ["com.branchLabel", true], ["com.unit", true], ["com.lists.registered", true], ["com.lists.registeredOn", true], ["com.lists.members"], ["com.lists.branchActivities"]],
    items.map((one) => [one.code, [one.name, !one.active && [" ", h("span", { class: "tag", text: t("com.lists.inactive") })]].flat(), nameOf(one.unit) || "—", one.community ? place(one, "stations") : h("span", { class: "tag open", text: t("com.lists.notRegistered") }),
      one.registered_on ? showDay(one.registered_on) : "—", `${number(one.registered)} / ${number(one.members)}`, h("a", { class: "link", href: held(one), text: number(one.activities) })]));
}

/** @param {any[]} items */
function stations(items) {
  return table([["com.lists.code", true], ["com.name", true], ["level.community", true], ["com.lists.services", true], ["com.lists.hours", true], ["com.lists.since", true]],
  items.map((one) => [one.code, one.name, place(one, "stations"), one.services.map(nameOf).join(t("com.and")) || "—", hours(one.opening).join("；") || "—", one.opened_on ? showDay(one.opened_on) : "—"]));
}

start().catch((error) => complain(t("com.lists.title"), error, () => location.reload()));
