/** A week of shifts: days and clock in the district's zone, where a shift stands, when nobody is on duty. */

import { app } from "../app.js";
import { addDays, isoDay, language } from "../i18n.js";

/**
 * @typedef {{id: number, starts_at: string, ends_at: string, street: string|null, unit: string|null,
 *   squad: string|null, person: string, phone: string}} Shift
 */

/** The Monday of a day's week. @param {string} day */
export const mondayOf = (day) => addDays(day, -((new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7));

/** The seven days from a Monday on. @param {string} monday */
export const daysOf = (monday) => Array.from({ length: 7 }, (_, n) => addDays(monday, n));

/** @param {string} day @param {"short"|"long"} [length] */
export const weekday = (day, length = "short") => new Intl.DateTimeFormat(language() === "zh" ? "zh-CN" : "en-GB", { weekday: length, timeZone: "UTC" }).format(new Date(`${day}T00:00:00Z`));

/** @param {string} day */
export const dayOfMonth = (day) => new Intl.DateTimeFormat(language() === "zh" ? "zh-CN" : "en-GB", { month: "short", day: "numeric", timeZone: "UTC" }).format(new Date(`${day}T00:00:00Z`));

/** HH:MM in the district's zone. @param {string|Date} at */
export const clock = (at) => new Intl.DateTimeFormat("en-GB", { timeZone: app.district.timezone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(at));

/** What a field of day and time shows. @param {string|Date} at */
export const local = (at) => `${isoDay(at)}T${clock(at)}`;

/** The instant of a day and time in the district's zone. @param {string} words YYYY-MM-DDTHH:MM @returns {string} */
export function instant(words) {
  const wall = Date.parse(`${words}Z`);
  const ahead = (/** @type {number} */ at) => Date.parse(`${local(new Date(at))}Z`) - at;
  // the offset may change between the two: the second look is at the right moment
  return new Date(wall - ahead(wall - ahead(wall))).toISOString();
}

/** Whether a shift stands on a day: it begins there, was going on as the week began, or fills the day. @param {Shift} shift @param {string} day @param {string} monday */
export function standsOn(shift, day, monday) {
  const first = isoDay(shift.starts_at);
  if (day === first || (day === monday && first < monday)) return true;
  return first < day && Date.parse(shift.ends_at) >= Date.parse(instant(`${addDays(day, 1)}T00:00`));
}

/**
 * The spans of a week in which no shift runs.
 * @param {Shift[]} shifts @param {string} monday @returns {[number, number][]}
 */
export function gapsOf(shifts, monday) {
  const [begin, end] = [monday, addDays(monday, 7)].map((day) => Date.parse(instant(`${day}T00:00`)));
  /** @type {[number, number][]} */
  const gaps = [];
  let covered = begin;
  const spans = shifts.map((one) => [Date.parse(one.starts_at), Date.parse(one.ends_at)]).sort((a, b) => a[0] - b[0]);
  for (const [from, to] of [...spans, [end, end]]) {
    if (from > covered) gaps.push([covered, Math.min(from, end)]);
    covered = Math.max(covered, to);
  }
  return gaps.filter(([from, to]) => from < to);
}
