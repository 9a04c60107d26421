/** Names in the page's language of what the service names by code. */

import { language } from "../i18n.js";
import { desk } from "./desk.js";

/** @typedef {{code: string, name: string, name_en?: string}} Named */

/** @param {Named[]} all @param {Named|null|undefined} one */
function translated(all, one) {
  if (!one) return "";
  const found = language() === "en" ? all.find((item) => item.code === one.code) ?? one : one;
  return (language() === "en" && found.name_en) || one.name || one.code;
}

/** @param {Named|null|undefined} one */
export const className = (one) => translated(desk.classes, one);

/** @param {Named|null|undefined} one */
export const unitName = (one) => translated(desk.units, one);

/** @param {Named|null|undefined} one */
export const squadName = (one) => translated(desk.squads, one);

/** @param {string} code */
export const unitOfCode = (code) => unitName(desk.units.find((unit) => unit.code === code) ?? { code, name: code });
