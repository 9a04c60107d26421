/** What the tabs share: streets, squads, units and officers by name, and what the address keeps. */

import { byId } from "../dom.js";
import { inOtherLanguage } from "../asked.js";
import { language } from "../i18n.js";

/**
 * @typedef {{code: string, name: string, squad: string|null, active: boolean}} Officer
 * @type {{streets: any[], squads: any[], units: any[], officers: Officer[]}} as far as the account may know them
 */
export const staff = { streets: [], squads: [], units: [], officers: [] };

/** Which part of the roster is the account's: null is the whole district. @type {{streets: string[], squads: string[]}|null} */
let part = null;

/** @param {{level: string, code: string}[]} scopes none: the whole district */
export function setScopes(scopes) {
  if (!scopes.length) return;
  const of = (/** @type {string} */ level) => scopes.filter((one) => one.level === level).map(({ code }) => code);
  const own = staff.squads.filter(({ code, unit }) => of("squad").includes(code) || of("unit").includes(unit));
  part = { streets: [...of("street"), ...own.flatMap(({ streets }) => streets)], squads: own.map(({ code }) => code) };
}

/** Streets of the account's part; all where its scope names none, as a community's. */
export const ownStreets = () => (part?.streets.length ? staff.streets.filter(({ code }) => part?.streets.includes(code)) : staff.streets);

/** Whether the account may write for the whole district. */
export const district = () => part === null;

/** Whether a shift lies in the account's part. @param {{street: string|null, squad: string|null}} shift */
export const isOwn = ({ street, squad }) => !part || part.streets.includes(street ?? "") || part.squads.includes(squad ?? "");

/** A row with its name in the page's language. @param {any} row */
export const named = (row) => ({ ...row, name: (language() === "en" && row.name_en) || row.name });

/** The name of a code, or the code. @param {"streets"|"squads"|"units"|"officers"} kind @param {string|null} code */
export const nameOf = (kind, code) => staff[kind].find((/** @type {any} */ one) => one.code === code)?.name ?? code ?? "";

/** An officer among others of the same name. @param {string} code */
export function officerWords(code) {
  const officer = staff.officers.find((one) => one.code === code);
  return officer ? [officer.name, nameOf("squads", officer.squad), code].filter(Boolean).join(" · ") : code;
}

/** Active officers as options of a form. @returns {[string, string][]} */
export const officerOptions = () => staff.officers.filter(({ active }) => active).map(({ code }) => [code, officerWords(code)]);

/** Writes what is asked for into the address, and the address into the link to the other language. @param {Record<string, string>} [asked] */
export function keepAddress(asked = {}) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(asked)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  history.replaceState(null, "", url);
  byId("language").setAttribute("href", inOtherLanguage());
}
