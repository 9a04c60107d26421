/** Two small charts: a line over time and bars side by side. Drawn hollow where few cases stand behind. */

import { fill, h, svg } from "../dom.js";
import { number, t } from "../i18n.js";
import { rests, value, written } from "./kinds.js";

const WIDTH = 640;
const LEFT = 64;
const BARS = 15;

/**
 * @typedef {{items: any[], name: string, title: string, few: number, label: (item: any) => string}} Chart
 */

/** @param {string} text @param {Record<string, string|number>} attributes */
function words(text, attributes) {
  const element = svg("text", attributes);
  element.textContent = text;
  return element;
}

/** @param {SVGElement} shape @param {string} text */
function titled(shape, text) {
  const title = svg("title", {});
  title.textContent = text;
  shape.append(title);
  return shape;
}

/** What fits beside a bar; Chinese is twice as wide. @param {string} text */
function short(text) {
  const most = /[\u3400-\u9fff]/.test(text) ? 14 : 27;
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** @param {any} item @param {string} name @param {string} label */
const told = (item, name, label) =>
  `${label}: ${written(value(item, name), name)} (n=${number(rests(item, name))})`;

/** @param {Element} figure @param {Chart} chart over items in the order of time */
export function line(figure, { items, name, title, few, label }) {
  const height = 250, top = 12, bottom = 34;
  const known = items.map((item) => value(item, name)).filter((one) => one !== null);
  if (!known.length) return nothing(figure, title);
  const most = Math.max(...known) || 1;
  const x = (/** @type {number} */ i) => LEFT + (items.length > 1 ? i / (items.length - 1) : .5) * (WIDTH - LEFT - 16);
  const y = (/** @type {number} */ one) => height - bottom - one / most * (height - top - bottom);
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": title });
  for (const share of [0, .5, 1]) {
    picture.append(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - 8, y1: y(share * most), y2: y(share * most) }),
      words(written(share * most, name), { x: LEFT - 8, y: y(share * most) + 4, "text-anchor": "end" }));
  }
  // a gap where nothing was measured, not a line through it
  let path = "", pen = "M";
  items.forEach((item, i) => {
    const one = value(item, name);
    if (one === null) { pen = "M"; return; }
    path += `${pen}${x(i)},${y(one)}`;
    pen = "L";
  });
  picture.append(svg("path", { class: "line", d: path }));
  const every = Math.ceil(items.length / 8);
  items.forEach((item, i) => {
    if (i % every === 0) picture.append(words(label(item), { x: x(i), y: height - 10, "text-anchor": "middle" }));
    const one = value(item, name);
    if (one === null || items.length > 120) return;
    const dot = svg("circle", { class: rests(item, name) < few ? "dot few" : "dot", cx: x(i), cy: y(one), r: 4.5 });
    picture.append(titled(dot, told(item, name, label(item))));
  });
  fill(figure, h("figcaption", { text: title }), picture, h("p", { class: "note", text: t("figures.hollow", { n: few }) }));
}

/** @param {Element} figure @param {Chart} chart the largest first */
export function bars(figure, { items, name, title, few, label }) {
  const known = items.filter((item) => value(item, name) !== null)
    .sort((a, b) => /** @type {number} */ (value(b, name)) - /** @type {number} */ (value(a, name)));
  if (!known.length) return nothing(figure, title);
  const shown = known.slice(0, BARS);
  const row = 24, left = 190, right = 96;
  const most = value(shown[0], name) || 1;
  const height = shown.length * row + 4;
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": title });
  shown.forEach((item, i) => {
    const one = /** @type {number} */ (value(item, name));
    const width = one / most * (WIDTH - left - right);
    const text = label(item);
    const bar = svg("rect", {
      class: rests(item, name) < few ? "bar few" : "bar", x: left, y: i * row + 4, width: Math.max(width, 1), height: row - 8, rx: 2,
    });
    picture.append(words(short(text), { x: left - 8, y: i * row + 17, "text-anchor": "end" }),
      titled(bar, told(item, name, text)),
      words(written(one, name), { class: "value", x: left + width + 6, y: i * row + 17 }));
  });
  fill(figure, h("figcaption", { text: title }), picture, h("p", { class: "note", text: [
    known.length > BARS ? t("figures.most", { n: BARS, of: known.length }) : "", t("figures.hollow", { n: few }),
  ].filter(Boolean).join(" ") }));
}

/** @param {Element} figure @param {string} title */
function nothing(figure, title) {
  fill(figure, h("figcaption", { text: title }), h("p", { class: "note", text: t("figures.nothing") }));
}
