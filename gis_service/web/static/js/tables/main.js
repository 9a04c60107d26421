/** Tables that a spreadsheet fills: a form to start from, what a file would change, then taking it in. */

import { getJSON, address } from "../api.js";
import { bring } from "../bringing.js";
import { byId, fill, h, icon } from "../dom.js";
import { language, number, pick, setLanguage, setTimezone, t } from "../i18n.js";
import { complain, notice, say } from "../messages.js";

/**
 * @typedef {{name: string, title: {zh: string, en: string}, what: {zh: string, en: string}, rows: number, downloadable: boolean,
 *   columns: {name: string, heading: string, required: boolean}[]}} Table
 */

/** @type {Table[]} */
let tables = [];

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  const district = await getJSON("/api/district");
  setTimezone(district.timezone);
  byId("district").textContent = pick(district.title);
  byId("illustrative").hidden = !district.illustrative;
  await load();
  window.addEventListener("hashchange", draw);
  draw();
  document.body.classList.add("ready");
}

async function load() {
  tables = (await getJSON("/api/tables")).items;
}

/** The table in the address, or the first. */
const chosen = () => tables.find(({ name }) => name === location.hash.slice(1)) ?? tables[0];

function draw() {
  const table = chosen();
  fill(byId("list"), tables.map((one) => h("li", {}, h("a", {
    href: `#${one.name}`, "aria-current": one === table ? "page" : null, data: { focus: one.name },
  }, h("span", { text: pick(one.title) }), h("small", { text: t("tables.rows", { n: number(one.rows) }) })))));
  const heading = (/** @type {Table["columns"][0]} */ column) => (language() === "zh" ? column.heading : column.name);
  const words = (/** @type {boolean} */ required) => table.columns.filter((one) => one.required === required).map(heading).join(t("tables.and"));
  fill(byId("table"),
    h("h2", { text: pick(table.title) }),
    h("p", { class: "note", text: pick(table.what) }),
    h("dl", {},
      h("dt", { text: t("tables.required") }), h("dd", { text: words(true) }),
      h("dt", { text: t("tables.optional") }), h("dd", { text: words(false) })),
    h("p", { class: "note", text: t("tables.again") }),
    table.downloadable && h("p", { class: "note", text: t("tables.edit") }),
    h("div", { class: "table-tools" },
      table.downloadable && h("a", { class: "button", id: "current", href: address(`/api/tables/${table.name}/rows.xlsx`, { lang: language() }), download: "" }, icon("download"), t("tables.current")),
      h("a", { class: "button", id: "form", href: address(`/api/tables/${table.name}/form.xlsx`, { lang: language() }), download: "" }, icon("download"), t("tables.form")),
      h("label", { class: "button primary" }, icon("upload"), t("tables.choose"),
        h("input", { type: "file", id: "file", class: "visually-hidden", accept: ".xlsx,.csv", on: { change: () => void take(table) } }))),
    h("section", { id: "brought", hidden: true, tabIndex: -1 }));
}

/** @param {Table} table */
const take = (table) => bring(true, {
  path: `/api/tables/${table.name}/import`,
  words: { import: "tables.choose", apply: "tables.apply", leave: "tables.leave" },
  would: (found) => [
    h("h3", { text: t(found.loaded ? "tables.would" : "tables.wouldNot", { loaded: number(found.loaded), already: number(found.already), read: number(found.read) }) }),
  ],
  any: (found) => found.loaded > 0,
  done: async (found) => {
    say(t("tables.done", { loaded: number(found.loaded), already: number(found.already) }));
    await load();
    draw();
  },
});

start().catch((error) => {
  console.warn(error);
  if (error.status === 401) complain("", error);
  else notice(t("tables.title"), h("p", { text: error.message }), h("p", { text: t("error.startHint") }),
    h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => location.reload() } }));
});
