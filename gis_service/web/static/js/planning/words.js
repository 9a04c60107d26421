/** Figures and findings as people say them. */

import { h } from "../dom.js";
import { language, number, percent, pick, t } from "../i18n.js";
import { indicatorOf, plan } from "./plan.js";

const NEAREST = 3; // tipping weights that are shown at once

/** @param {number|null} value @param {number} [digits] */
const plain = (value, digits = Math.abs(value ?? 0) >= 100 ? 0 : 1) => (value === null ? "—" : number(value, digits));

/** @param {import("./plan.js").Indicator} one @param {import("./plan.js").Cell} cell */
export const written = (one, cell) =>
  cell.value === null ? t("planning.missing") : `${plain(cell.value)} ${pick(one.unit)}`.trim();

/** What stands behind a value. @param {import("./plan.js").Indicator} one @param {import("./plan.js").Cell} cell */
export function basis(one, cell) {
  if (cell.value === null) return t("planning.noData");
  const parts = [];
  if (cell.note) parts.push(pick(cell.note));
  if (cell.denominator !== null) parts.push(`${plain(cell.numerator, 0)} / ${plain(cell.denominator, one.kind === "rate" ? 1 : 0)}`);
  else if (one.kind === "duration") parts.push(t("planning.cases", { n: cell.sample }));
  if (cell.low !== null && cell.high !== null) parts.push(t("planning.interval", { low: plain(cell.low), high: plain(cell.high) }));
  if (!cell.enough) parts.push(t("planning.tooFew", { n: cell.sample, least: one.least }));
  return parts.join(" · ");
}

/** The mark of how surely a community is among the first. @param {string} standing */
export const standingWords = (standing) => t(`planning.standing.${standing}`);

/** What the answer comes to, as sentences. @param {any} answer @returns {string[]} */
export function summary(answer, table = plan.table) {
  const { items, question, draws } = answer;
  if (!items.length) return [];
  const chosen = items.filter((/** @type {any} */ item) => item.chosen);
  const names = (/** @type {any[]} */ some) => some.map((item) => item.community.name).join(language() === "zh" ? "、" : ", ");
  const out = [];
  if (draws) {
    const sure = chosen.filter((/** @type {any} */ item) => item.standing === "always");
    const weak = chosen.filter((/** @type {any} */ item) => item.standing === "fragile" || item.standing === "seldom");
    if (sure.length) out.push(t("planning.sure", { names: names(sure), top: question.top, draws }));
    if (weak.length) out.push(t("planning.weak", { names: names(weak), top: question.top }));
    const near = items.filter((/** @type {any} */ item) => !item.chosen && item.top_share >= 0.2);
    if (near.length) out.push(t("planning.near", { names: names(near) }));
  }
  if (draws && !answer.tipping.length) out.push(t("planning.noTipping"));
  return out;
}

/** @param {any} one the least change of a weight that changes the choice */
export const tipping = (one, table = plan.table) => t("planning.tipping", {
  indicator: pick(indicatorOf(one.indicator, table)?.title), share: percent(one.share), to: percent(one.to),
  enters: one.enters.name, leaves: one.leaves.name,
});

/** Why a community is out. @param {any} excluded */
export const reasons = (excluded, table = plan.table) => excluded.reasons.map((/** @type {any} */ one) => t("planning.fails", {
  indicator: pick(indicatorOf(one.indicator, table)?.title), value: one.value === null ? t("planning.missing") : plain(one.value),
  limit: `${one.sign === ">=" ? "≥" : "≤"} ${number(one.limit, 1)}`,
})).join(language() === "zh" ? "；" : "; ");

/** Every weight that would change the choice, the nearest changes first; those further off are
 * folded away. @param {any} answer @param {any} [table] */
export function tips(answer, table = plan.table) {
  const all = answer.tipping.map((/** @type {any} */ one) => h("li", { text: tipping(one, table) }));
  if (!all.length) return false;
  const rest = all.slice(NEAREST);
  return h("div", { class: "tips" }, h("ul", {}, all.slice(0, NEAREST)),
    rest.length > 0 && h("details", {}, h("summary", { text: t("planning.moreTips", { n: rest.length }) }), h("ul", {}, rest)));
}

/** What has to be said beside a choice. @param {any[]} some */
export const cautions = (some) => some.length > 0 && h("ul", { class: "cautions" }, some.map((one) => h("li", { text: pick(one) })));
