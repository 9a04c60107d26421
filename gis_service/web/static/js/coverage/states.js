/** The states of a promise: order, colour, pattern and letter, so that none hangs on colour alone. */

import { h } from "../dom.js";
import { t } from "../i18n.js";

/** @typedef {"no_contract"|"expired"|"no_track"|"never_visited"|"overdue"|"due"|"on_time"} State */

/** The gravest first, as the service orders them. @type {State[]} */
export const STATES = ["no_contract", "expired", "no_track", "never_visited", "overdue", "due", "on_time"];

/** @type {State[]} */
export const GAPS = STATES.slice(0, 5);

/** Looks of states, and of what the other views tell. @type {Record<string, {ground: string, ink: string, pattern: string}>} */
export const LOOKS = {
  no_contract: { ground: "#5b3a78", ink: "#ffffff", pattern: "cross" },
  expired: { ground: "#b98bd0", ink: "#3b1752", pattern: "slash" },
  no_track: { ground: "#c9ced6", ink: "#3c4654", pattern: "dots" },
  never_visited: { ground: "#a4161a", ink: "#ffffff", pattern: "bars" },
  overdue: { ground: "#f2864b", ink: "#571f00", pattern: "backslash" },
  due: { ground: "#fbe6a2", ink: "#6b4a00", pattern: "none" },
  on_time: { ground: "#d5ebdf", ink: "#1f5a41", pattern: "none" },
  cured: { ground: "#5fb98a", ink: "#0f4a2e", pattern: "slash" },
  share0: { ground: "#f7fbff", ink: "#000000", pattern: "none" },
  share1: { ground: "#c9dff0", ink: "#000000", pattern: "none" },
  share2: { ground: "#8fc0de", ink: "#000000", pattern: "none" },
  share3: { ground: "#4a93c6", ink: "#000000", pattern: "none" },
  share4: { ground: "#1f65a5", ink: "#000000", pattern: "none" },
  ...Object.fromEntries(["#f4b6a6", "#f6d58e", "#d9e69b", "#a3d9b1", "#9bd7da", "#a9c4ee", "#c9b3e6", "#eeb3d3"].flatMap((ground, at) => [
    [`area${at}`, { ground, ink: "#000000", pattern: "none" }], [`area${at}-moved`, { ground, ink: "#40301f", pattern: "slash" }],
  ])),
};
export const AREA_LOOKS = 8;

/** @param {string} look of `LOOKS` */
export const imageName = (look) => `coverage-${look}`;

/** One letter for a state. @param {State} state */
export const letter = (state) => t(`coverage.letter.${state}`);

/**
 * The pattern of a look, which repeats without a seam.
 * @param {string} look of `LOOKS`
 * @returns {ImageData}
 */
export function draw(look) {
  const size = 32;
  const canvas = document.createElement("canvas");
  canvas.width = size;
  canvas.height = size;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const { ground, ink, pattern } = LOOKS[look];
  pen.globalAlpha = 0.86;
  pen.fillStyle = ground;
  pen.fillRect(0, 0, size, size);
  pen.globalAlpha = 0.5;
  pen.strokeStyle = ink;
  pen.fillStyle = ink;
  pen.lineWidth = 2.4;
  pen.beginPath();
  for (let at = -size; at <= 2 * size; at += 16) {
    if (pattern === "slash" || pattern === "cross") { pen.moveTo(at, size); pen.lineTo(at + size, 0); }
    if (pattern === "backslash" || pattern === "cross") { pen.moveTo(at, 0); pen.lineTo(at + size, size); }
    if (pattern === "bars") { pen.moveTo(0, at + 8); pen.lineTo(size, at + 8); }
  }
  pen.stroke();
  if (pattern === "dots") {
    for (const [x, y] of [[8, 8], [24, 24]]) {
      pen.beginPath();
      pen.arc(x, y, 3, 0, 2 * Math.PI);
      pen.fill();
    }
  }
  return pen.getImageData(0, 0, size, size);
}

/** The mark of a state: its pattern with its letter. @param {State} state */
export function badge(state) {
  return h("span", { class: `state-mark state-${state}`, "aria-hidden": "true", text: letter(state) });
}
