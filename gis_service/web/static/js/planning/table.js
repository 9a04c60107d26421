/** The ranking as a table: place, score, how often among the first, and what is thin. */

import { byId, fill, h } from "../dom.js";
import { language, number, percent, pick, t } from "../i18n.js";
import { behindLink } from "./behind.js";
import { compare, indicatorOf, onPlan, plan, rowOf } from "./plan.js";
import { basis, reasons, standingWords, summary, tips, written } from "./words.js";

export const LETTERS = "ABCD";
let unfolded = false;

export function startTable() {
  onPlan(draw);
}

/** The mark of a place; shape and word, not colour alone. @param {any} item */
export const standingMark = (item) => h("span", {
  class: `standing standing-${item.standing}`, text: standingWords(item.standing),
  title: t("planning.shareHint", { share: percent(item.top_share) }),
});

function draw() {
  const { answer } = plan;
  byId("ranking-summary").hidden = !answer;
  if (!answer) {
    fill(byId("ranking"), h("p", { class: "none", text: t("planning.nothing") }));
    return;
  }
  fill(byId("ranking-summary"),
    answer.warnings.map((/** @type {any} */ one) => h("p", { class: "warning", text: pick(one) })),
    summary(answer).map((words) => h("p", { text: words })), keptOpen(tips(answer)));
  const most = Math.max(...answer.items.map((/** @type {any} */ item) => item.score), 1e-9);
  fill(byId("ranking"), h("table", {},
    h("thead", {}, h("tr", {}, ["compare", "rank", "community", "score", "share"].map((name) => h("th", { scope: "col", text: t(`planning.head.${name}`) })))),
    h("tbody", {}, answer.items.map((/** @type {any} */ item) => line(item, most)))),
    answer.excluded.length > 0 && h("details", { class: "excluded" },
      h("summary", { text: t("planning.excluded", { n: answer.excluded.length }) }),
      h("ul", {}, answer.excluded.map((/** @type {any} */ one) => h("li", {}, h("b", { text: one.community.name }), ` ${reasons(one)}`)))));
}

/** What somebody unfolded stays so while a slider moves. @param {any} part */
function keptOpen(part) {
  const folded = part && part.querySelector("details");
  if (folded) {
    folded.open = unfolded;
    folded.addEventListener("toggle", () => { unfolded = folded.open; });
  }
  return part;
}

/** @param {any} item @param {number} most */
function line(item, most) {
  const { code, name } = item.community;
  const at = plan.compared.indexOf(code);
  const thin = item.thin.map((/** @type {string} */ id) => pick(indicatorOf(id)?.title));
  return h("tr", { class: item.chosen ? "chosen" : "", data: { code } },
    h("td", {}, h("label", { class: "pick" }, h("input", {
      type: "checkbox", checked: at >= 0, "aria-label": t("planning.compareOne", { name }), on: { change: () => compare(code) },
    }), at >= 0 && h("b", { text: LETTERS[at] }))),
    h("td", { class: "rank", text: item.tied ? t("planning.tied", { n: item.rank }) : number(item.rank) }),
    h("td", {}, h("span", { class: "name", text: name }), h("small", { text: item.street.name }),
      thin.length > 0 && h("span", { class: "flag", title: thin.join(language() === "zh" ? "、" : ", "), text: t("planning.thin", { n: thin.length }) })),
    h("td", { class: "score" }, h("span", { class: "bar", css: { "--share": String(item.score / most) } }), h("span", { text: number(item.score, 3) })),
    h("td", { class: "share" }, h("span", { text: percent(item.top_share) }), standingMark(item)));
}

/** All figures of some communities, an indicator a line. @param {string[]} codes */
export function figuresTable(codes, table = plan.table) {
  const rows = codes.map((code) => rowOf(code, table)).filter((row) => row !== undefined);
  return h("table", { class: "figures-table" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col", text: t("planning.indicator") }),
      rows.map((row, n) => h("th", { scope: "col", text: `${LETTERS[n] ?? ""} ${row.community.name}`.trim() })))),
    Object.entries(table.groups).map(([group, title]) => h("tbody", {},
      h("tr", { class: "group" }, h("th", { colSpan: rows.length + 1, scope: "rowgroup", text: pick(title) })),
      table.indicators.filter((one) => one.group === group).map((one) => h("tr", {},
        h("th", { scope: "row" }, pick(one.title), h("small", { text: `${pick(one.of)}${one.rising ? " ↑" : " ↓"}` })),
        rows.map((row) => cell(one, row, table)))))));
}

/** @param {import("./plan.js").Indicator} one @param {import("./plan.js").Row} row @param {any} table */
function cell(one, row, table) {
  const found = row.cells[one.id];
  const value = written(one, found);
  return h("td", { class: found.value !== null && !found.enough ? "few" : "" },
    found.value !== null ? behindLink(one, row.community, table)(value) : value,
    h("small", { text: basis(one, found) }));
}
