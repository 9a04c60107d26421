/** Up to four communities side by side: figures, months, strengths and weaknesses in words. */

import { getJSON, isAbort, latest } from "../api.js";
import { byId, fill, h, svg } from "../dom.js";
import { number, pick, t } from "../i18n.js";
import { complain } from "../messages.js";
import { compare, onPlan, plan } from "./plan.js";
import { figuresTable, LETTERS, standingMark } from "./table.js";

const signal = latest();
let shown = "";

export function startCompare() {
  onPlan(() => void draw());
  byId("compare-close").addEventListener("click", () => { for (const code of plan.compared) compare(code); });
}

async function draw() {
  byId("compare").hidden = plan.compared.length === 0;
  const wanted = [...plan.compared, plan.asked.from, plan.asked.to].join();
  if (!plan.compared.length || wanted === shown) return;
  try {
    const { items } = await getJSON("/api/planning/profile", { community: plan.compared, from: plan.asked.from, to: plan.asked.to }, { signal: signal() });
    shown = wanted;
    fill(byId("compare-body"), h("div", { class: "profiles" }, items.map((/** @type {any} */ one, /** @type {number} */ n) => profile(one, n))), figuresTable(plan.compared));
  } catch (error) {
    if (!isAbort(error)) complain(t("planning.compare"), error, () => void draw());
  }
}

/** @param {any} item @param {number} n @param {any} [answer] the ranking in which it has its place */
export function profile(item, n, answer = plan.answer) {
  const ranked = answer?.items.find((/** @type {any} */ one) => one.community.code === item.community.code);
  const part = (/** @type {string} */ name, /** @type {any[]} */ some) => some.length > 0 && h("div", { class: name },
    h("h4", { text: t(`planning.part.${name}`) }), h("ul", {}, some.map((one) => h("li", { text: pick(one) }))));
  return h("article", { class: "profile" },
    h("header", {}, h("b", { class: "letter", text: LETTERS[n] ?? "" }), h("h3", { text: item.community.name }),
      ranked ? h("span", {}, `${t("planning.place", { n: ranked.rank })} `, standingMark(ranked)) : h("span", { text: t("planning.notRanked") })),
    trend(item.months, "close_hours", t("planning.trendHours")),
    trend(item.months, "in_time", t("planning.trendInTime")),
    part("strengths", item.strengths), part("weaknesses", item.weaknesses), part("thin", item.thin));
}

/** A line over the months, broken where too few cases stand behind it. @param {any[]} months @param {string} name @param {string} title */
function trend(months, name, title) {
  const known = months.map((one) => one[name]).filter((value) => value !== null);
  if (known.length < 2) return h("p", { class: "note", text: `${title}: ${t("planning.noTrend")}` });
  const width = 220, height = 46, most = Math.max(...known) || 1;
  const x = (/** @type {number} */ i) => 4 + (i / Math.max(months.length - 1, 1)) * (width - 8);
  const y = (/** @type {number} */ value) => height - 5 - (value / most) * (height - 12);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  let path = "", pen = "M";
  months.forEach((one, i) => {
    if (one[name] === null) { pen = "M"; return; }
    path += `${pen}${x(i).toFixed(1)},${y(one[name]).toFixed(1)}`;
    pen = "L";
    picture.append(svg("circle", { cx: x(i).toFixed(1), cy: y(one[name]).toFixed(1), r: 2 }));
  });
  picture.prepend(svg("line", { class: "base", x1: 0, x2: width, y1: height - 5, y2: height - 5 }), svg("path", { d: path }));
  return h("figure", { class: "trend" }, h("figcaption", { text: `${title} · ${t("planning.trendLast", { value: number(known[known.length - 1], 1) })}` }), picture);
}
