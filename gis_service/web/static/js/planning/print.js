/** The printout of a round: it has to stand by itself in front of the head of the section. */

import { app } from "../app.js";
import { getJSON } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { date, dateTime, number, percent, pick, showDay, t } from "../i18n.js";
import { complain } from "../messages.js";
import { profile } from "./compare.js";
import { picture, STEPS } from "./ground.js";
import { indicatorOf } from "./plan.js";
import { figuresTable, standingMark } from "./table.js";
import { cautions, reasons, summary, tipping } from "./words.js";

const RANKED = 15;

/** @param {any} round as the service answers it */
export async function printRound(round) {
  const { answer, table } = round;
  const chosen = round.choices.length
    ? round.choices.map((/** @type {any} */ one) => one.community.code)
    : answer.items.filter((/** @type {any} */ item) => item.chosen).map((/** @type {any} */ item) => item.community.code);
  let map = null, profiles = [];
  try {
    map = await picture();
    profiles = (await getJSON("/api/planning/profile", { community: chosen.slice(0, 4), round: round.id })).items;
  } catch (error) {
    complain(t("planning.print"), error);
  }
  fill(byId("print-sheet"), h("article", { class: "round-sheet" },
    h("header", {}, h("h1", { text: t("planning.sheetTitle", { name: round.name }) }),
      h("span", { text: pick(app.district.title) }), app.district.illustrative && h("span", { class: "badge", text: t("badge.illustrative") })),
    h("div", { class: "round-top" }, map && h("div", { class: "map-part" }, h("img", { src: map, alt: t("planning.mapLabel") }), legend(round)), how(round)),
    h("h2", { text: t("planning.finding") }), answer.warnings.map((/** @type {any} */ one) => h("p", { text: pick(one) })),
    summary(answer, table).map((words) => h("p", { text: words })), ranking(round),
    answer.excluded.length > 0 && h("p", { text: `${t("planning.excluded", { n: answer.excluded.length })}：${answer.excluded.map((/** @type {any} */ one) => `${one.community.name}（${reasons(one, table)}）`).join("；")}` }),
    answer.tipping.length > 0 && h("section", {}, h("h2", { text: t("planning.whatTips") }), h("ul", { class: "tips" }, answer.tipping.map((/** @type {any} */ one) => h("li", { text: tipping(one, table) }))), h("p", { text: t("planning.noOtherTips") })),
    round.cautions.length > 0 && h("section", {}, h("h2", { text: t("planning.cautions") }), cautions(round.cautions)),
    h("section", {}, h("h2", { text: t("planning.figuresOf") }), figuresTable(chosen, table)),
    h("section", { class: "profiles" }, profiles.map((/** @type {any} */ one, /** @type {number} */ n) => profile(one, n, answer))),
    h("section", {}, h("h2", { text: t("planning.onSite") }), h("table", {}, h("tbody", {},
      round.nominations.map((/** @type {any} */ one) => h("tr", {}, h("td", { text: t("planning.nominations") }), h("td", { text: one.community.name }), h("td", { text: one.reason }), h("td", { text: `${one.created_by} ${date(one.created_at)}` }))),
      round.visits.map((/** @type {any} */ one) => h("tr", {}, h("td", { text: t(`planning.verdict.${one.verdict}`) }), h("td", { text: one.community.name }), h("td", { text: one.findings }), h("td", { text: `${one.visitors} ${showDay(one.visited_on)}` }))))),
    round.nominations.length + round.visits.length === 0 && h("p", { text: t("planning.noneYet") })),
    h("section", {}, h("h2", { text: t("planning.decided") }),
      round.state === "open" ? h("p", { text: t("planning.notDecided") }) : [
        h("ul", {}, round.choices.map((/** @type {any} */ one) => h("li", { text: `${one.community.name}（${one.rank ? t("planning.place", { n: one.rank }) : t("planning.notRanked")}）：${one.reason}` }))),
        round.override_reason && h("p", { text: `${t("planning.field.override_reason")}：${round.override_reason}` }),
        h("p", { text: t("planning.approvedAs", { approval: round.approval, who: round.decided_by, when: dateTime(round.decided_at) }) })]),
    h("section", { class: "method" }, h("h2", { text: t("planning.howRead") }), h("p", { text: t("planning.methodNote", { n: number(answer.draws) }) })),
    h("footer", { text: [t("planning.digest", { digest: round.digest, library: round.library }), t("print.at", { when: dateTime(new Date()) }), app.district.map_approval_number && t("footer.approval", { number: app.district.map_approval_number })].filter(Boolean).join(" · ") })));
  await Promise.allSettled([...byId("print-sheet").querySelectorAll("img")].map((image) => image.decode()));
  window.print();
}

/** What was asked, by which weights. @param {any} round */
function how({ answer, table, question }) {
  const used = answer.indicators.filter((/** @type {any} */ one) => one.used);
  const line = (/** @type {string} */ name, /** @type {any} */ value) => h("tr", {}, h("th", { scope: "row", text: name }), h("td", { text: value }));
  const part = (/** @type {string} */ group) => percent(used.filter((/** @type {any} */ one) => one.group === group).reduce((/** @type {number} */ sum, /** @type {any} */ one) => sum + one.share, 0));
  return h("table", { class: "how" }, h("tbody", {},
    line(t("planning.period"), t("coverage.window", { from: showDay(answer.since.slice(0, 10)), to: showDay(answer.until.slice(0, 10)) })),
    line(t("planning.methodLabel"), `${t(`planning.method.${question.method}`)} · ${t(`planning.scheme.${question.scheme}`)}`),
    line(t("planning.top"), number(question.top)),
    line(t("planning.drawn"), t("planning.drawnWith", { n: answer.draws, seed: String(question.seed) })),
    line(t("planning.caution"), t(`planning.cautionOf.${Math.round(question.caution)}`)),
    line(t("planning.limits"), [...question.require.map((/** @type {string} */ one) => { const [id, sign, value] = one.split(/(>=|<=)/); return `${pick(indicatorOf(id, table)?.title)} ${sign === ">=" ? "≥" : "≤"} ${value}`; }), question.one_per_street && t("planning.onePerStreet")].filter(Boolean).join("；") || t("planning.noLimits")),
    Object.entries(table.groups).map(([group, title]) => h("tr", { class: "group" }, h("th", { scope: "row", text: pick(/** @type {any} */ (title)) }), h("td", { text: part(group) })))),
  h("tbody", {}, used.map((/** @type {any} */ one) => line(pick(indicatorOf(one.id, table)?.title), percent(one.share)))));
}

/** The colours of the map. @param {any} round */
const legend = (round) => h("ul", { class: "sheet-legend" }, STEPS.map((name) => h("li", {}, h("i", { class: `step-${name}` }),
  t(`planning.legend.${name === "chosen" && round.choices.length ? "decided" : name}`))));

/** The first, and whoever was chosen, nominated or visited, however far down. @param {any} round */
function ranking(round) {
  const { answer, table } = round;
  const used = answer.indicators.filter((/** @type {any} */ one) => one.used).map((/** @type {any} */ one) => indicatorOf(one.id, table));
  const cells = new Map(table.items.map((/** @type {any} */ row) => [row.community.code, row.cells]));
  const codes = (/** @type {any[]} */ some) => new Set(some.map((one) => one.community.code));
  const chosen = round.choices.length ? codes(round.choices) : codes(answer.items.filter((/** @type {any} */ item) => item.chosen));
  const nominated = codes(round.nominations), visited = codes(round.visits);
  const shown = answer.items.filter((/** @type {any} */ item, /** @type {number} */ n) => n < RANKED || [chosen, nominated, visited].some((some) => some.has(item.community.code)));
  const marks = (/** @type {string} */ code) => [nominated.has(code) && t("planning.mark.nominated"), visited.has(code) && t("planning.mark.visited")].filter(Boolean).join(" · ");
  return [h("table", { class: "ranking-sheet" }, h("thead", {}, h("tr", {}, ["rank", "community", "score", "share"].map((name) => h("th", { scope: "col", text: t(`planning.head.${name}`) })),
    used.map((/** @type {any} */ one) => h("th", { scope: "col", text: pick(one.title) })))),
  h("tbody", {}, shown.map((/** @type {any} */ item) => h("tr", { class: chosen.has(item.community.code) ? "chosen" : "" },
    h("td", { text: number(item.rank) }), h("td", {}, item.community.name, marks(item.community.code) && h("small", { text: ` ${marks(item.community.code)}` })),
    h("td", { text: number(item.score, 3) }), h("td", {}, percent(item.top_share), " ", standingMark(item)),
    used.map((/** @type {any} */ one) => {
      const cell = cells.get(item.community.code)[one.id];
      return h("td", { class: cell.enough ? "" : "few", text: cell.value === null ? "—" : `${number(cell.value, 1)} (n=${number(cell.sample)})` });
    }))))),
  shown.length < answer.items.length && h("p", { class: "note", text: t("planning.notShown", { n: answer.items.length - shown.length }) })];
}
