/**
 * The signs of the map: an open incident is a filled disc, an urgent one a diamond with a bar, an
 * ended one a hollow square; a ring around says overdue. Nothing is told by colour alone.
 */

const SIZE = 34; // px, drawn at twice that

/** @typedef {"open"|"urgent"|"ended"|"open-late"|"urgent-late"} Mark */

/** @type {Mark[]} */
export const MARKS = ["open", "urgent", "open-late", "urgent-late", "ended"];

/** @param {{open: boolean, urgent: boolean, late: boolean}} incident @returns {Mark} */
export const markOf = ({ open, urgent, late }) =>
  /** @type {Mark} */ (open ? `${urgent ? "urgent" : "open"}${late ? "-late" : ""}` : "ended");

/** @param {Mark} mark @returns {HTMLCanvasElement} */
export function drawMark(mark) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE * 2;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.scale(2, 2);
  pen.translate(SIZE / 2, SIZE / 2);
  pen.lineJoin = "round";
  if (mark.endsWith("-late")) {
    circle(pen, 14);
    pen.fillStyle = "rgba(255,255,255,0.85)";
    pen.fill();
    pen.lineWidth = 2.5;
    pen.strokeStyle = "#8f1414";
    pen.stroke();
  }
  if (mark === "ended") {
    pen.beginPath();
    pen.rect(-5, -5, 10, 10);
    pen.fillStyle = "#ffffff";
    pen.fill();
    pen.lineWidth = 2.4;
    pen.strokeStyle = "#33737a";
    pen.stroke();
  } else if (mark.startsWith("urgent")) {
    pen.beginPath();
    for (const [x, y] of [[0, -11], [11, 0], [0, 11], [-11, 0]]) pen.lineTo(x, y);
    pen.closePath();
    fillAndEdge(pen, "#c01622");
    pen.fillStyle = "#ffffff";
    pen.fillRect(-1.4, -6.5, 2.8, 7.5);
    pen.fillRect(-1.4, 2.6, 2.8, 2.8);
  } else {
    circle(pen, 7.5);
    fillAndEdge(pen, "#d9480f");
  }
  return canvas;
}

/** @param {CanvasRenderingContext2D} pen @param {number} radius */
function circle(pen, radius) {
  pen.beginPath();
  pen.arc(0, 0, radius, 0, 2 * Math.PI);
}

/** @param {CanvasRenderingContext2D} pen @param {string} colour */
function fillAndEdge(pen, colour) {
  pen.fillStyle = colour;
  pen.fill();
  pen.lineWidth = 2;
  pen.strokeStyle = "#ffffff";
  pen.stroke();
}
