/** The service's time, countdowns, and how long ago something was; ticks once a second. */

import { dateTime, isoDay, language, t } from "../i18n.js";

let ahead = 0; // ms by which the service's clock is ahead of this machine's

/** @returns {number} ms since 1970 on the service's clock */
export const now = () => Date.now() + ahead;

/** Takes the service's clock: a wall's machine may be minutes off, a deadline must not be. */
export async function setClock() {
  const asked = Date.now();
  const answer = await fetch("/healthz", { cache: "no-store" });
  const said = Date.parse(answer.headers.get("date") ?? "");
  const between = (asked + Date.now()) / 2;
  // the header has whole seconds
  if (Number.isFinite(said) && Math.abs(said + 500 - between) > 2000) ahead = said + 500 - between;
}

/**
 * The instant at which a day begins in the district's time zone.
 * @param {string} day YYYY-MM-DD
 * @returns {number} ms
 */
export function startOfDay(day) {
  let at = Date.parse(`${day}T00:00:00Z`) - 15 * 3600_000;
  // no zone is further than 14 hours from UTC, and none moves by less than a quarter of an hour
  while (isoDay(new Date(at)) < day) at += 900_000;
  return at;
}

/** @param {number} value */
const two = (value) => String(value).padStart(2, "0");

/** @param {number} ms @returns {string} a span of time: 3 d 4 h, 5:07:12 or 07:12 */
export function span(ms) {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  const hours = Math.floor(seconds / 3600);
  if (hours >= 48) return t("dispatch.days", { d: Math.floor(hours / 24), h: hours % 24 });
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

/** @param {number} left ms @returns {string} */
const urgency = (left) => (left < 0 ? "late" : left < 3600_000 ? "soon" : "in-time");

/** @param {string} when an instant @returns {string} "5 minutes ago" */
export function ago(when) {
  const seconds = (Date.parse(when) - now()) / 1000;
  const format = new Intl.RelativeTimeFormat(language() === "zh" ? "zh-CN" : "en", { numeric: "auto", style: "short" });
  for (const [unit, size] of /** @type {const} */ ([["day", 86400], ["hour", 3600], ["minute", 60]])) {
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  return t("dispatch.justNow");
}

/**
 * Makes `element` count down to `due`.
 * @template {HTMLElement} E
 * @param {E} element @param {string} due an instant @returns {E}
 */
export function countTo(element, due) {
  element.dataset.due = due;
  element.title = dateTime(due);
  tickOne(element);
  return element;
}

/**
 * Makes `element` say how long ago `when` was; the time itself is its title.
 * @template {HTMLElement} E
 * @param {E} element @param {string} when an instant @returns {E}
 */
export function sayAgo(element, when) {
  element.dataset.ago = when;
  element.title = dateTime(when);
  tickOne(element);
  return element;
}

/** @param {HTMLElement} element */
function tickOne(element) {
  const { due, ago: when } = element.dataset;
  let text = "";
  if (due) {
    const left = Date.parse(due) - now();
    text = t(left < 0 ? "dispatch.late" : "dispatch.left", { time: span(left) });
    element.dataset.urgency = urgency(left);
  } else if (when) text = ago(when);
  if (element.textContent !== text) element.textContent = text;
}

/** Ticks what is on the page: of a long list, only the rows in sight are. */
export function startClock() {
  window.setInterval(() => {
    for (const element of document.querySelectorAll("[data-due], [data-ago]")) {
      tickOne(/** @type {HTMLElement} */ (element));
    }
  }, 1000);
}
