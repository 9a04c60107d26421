/** Cases a week before, during and after a campaign, beside what the comparison lets expect. */

import { h, svg } from "../dom.js";
import { number, showDay, t } from "../i18n.js";

const WIDTH = 640, HEIGHT = 230, LEFT = 40, TOP = 12, BOTTOM = 30;
const DAY_MS = 86400000;

/** @param {any} found an answer of /effect @returns {HTMLElement|null} */
export function chart(found) {
  const weeks = found.weeks;
  if (!weeks.length) return null;
  const at = (/** @type {string} */ day) => Date.parse(`${day}T00:00:00Z`);
  const first = at(weeks[0].from), last = at(found.windows.after.to);
  const most = Math.max(1, ...weeks.map((/** @type {any} */ week) => Math.max(week.treated, week.expected ?? 0)));
  const x = (/** @type {number} */ ms) => LEFT + (ms - first) / (last - first) * (WIDTH - LEFT - 8);
  const y = (/** @type {number} */ value) => HEIGHT - BOTTOM - value / most * (HEIGHT - TOP - BOTTOM);
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": t("campaigns.chart") });
  const words = (/** @type {string} */ text, /** @type {any} */ attributes) => {
    const element = svg("text", attributes);
    element.textContent = text;
    picture.append(element);
  };
  const begins = x(at(found.windows.before.to)), ends = x(at(found.windows.after.from));
  picture.append(svg("rect", { class: "band", x: begins, y: TOP, width: ends - begins, height: HEIGHT - TOP - BOTTOM }));
  for (const share of [0, .5, 1]) {
    picture.append(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - 8, y1: y(share * most), y2: y(share * most) }));
    words(number(share * most, most < 4 ? 1 : 0), { x: LEFT - 6, y: y(share * most) + 4, "text-anchor": "end" });
  }
  const compared = x(at(found.windows.before.from));
  picture.append(svg("line", { class: "window", x1: compared, x2: compared, y1: TOP, y2: HEIGHT - BOTTOM }));
  for (const [name, value] of /** @type {[string, (week: any) => number|null][]} */ ([["expected", (week) => week.expected], ["own", (week) => week.treated]])) {
    let path = "", pen = "M";
    for (const week of weeks) {
      const one = value(week);
      // the campaign's last week may be cut short: no count of whole weeks
      if (one === null || short(week, weeks, found)) { pen = "M"; continue; }
      path += `${pen}${x(at(week.from) + 3.5 * DAY_MS)},${y(one)}`;
      pen = "L";
    }
    picture.append(svg("path", { class: name, d: path }));
  }
  for (const week of weeks) {
    if (short(week, weeks, found)) continue;
    const dot = svg("circle", { class: "dot", cx: x(at(week.from) + 3.5 * DAY_MS), cy: y(week.treated), r: 3.4 });
    const title = svg("title", {});
    title.textContent = t("campaigns.week", { from: showDay(week.from), n: week.treated, expected: week.expected === null ? "—" : number(week.expected, 1) });
    dot.append(title);
    picture.append(dot);
  }
  for (const day of new Set([weeks[0].from, found.windows.before.from, found.windows.before.to, found.windows.after.from, found.windows.after.to])) {
    words(day.slice(5), { x: Math.min(Math.max(x(at(day)), LEFT + 12), WIDTH - 22), y: HEIGHT - 10, "text-anchor": "middle" });
  }
  return h("figure", { class: "effect-chart box" },
    h("figcaption", {},
      h("span", {}, h("i", {}), t("campaigns.own")),
      h("span", {}, h("i", { class: "expected-key" }), t("campaigns.expected")),
      h("span", {}, h("i", { class: "band-key" }), t("campaigns.during"))),
    picture);
}

/** @param {any} week @param {any[]} weeks @param {any} found */
function short(week, weeks, found) {
  const next = weeks[weeks.indexOf(week) + 1]?.from ?? found.windows.after.to;
  return Date.parse(next) - Date.parse(week.from) < 7 * DAY_MS;
}
