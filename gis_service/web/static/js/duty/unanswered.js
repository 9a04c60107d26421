/** What nobody answers for, and what several do: classes without a unit, streets without a squad or with two. */

import { may } from "../account.js";
import { getJSON } from "../api.js";
import { fill, h } from "../dom.js";
import { language, listed, number, t } from "../i18n.js";
import { nameOf } from "./people.js";

/** @param {HTMLElement} view */
export async function openUnanswered(view) {
  const [found, classes, streets] = await Promise.all([
    getJSON("/api/responsibility/gaps"), getJSON("/api/classes"), getJSON("/api/areas/street", { limit: 1000 }),
  ]);
  const named = (/** @type {any} */ one) => `${(language() === "en" && one.name_en) || one.name} ${one.code}`;
  fill(view,
    section("classes", "classes", found.classes.map(named), classes.items.length),
    section("streets", "units", found.streets.map(named), streets.items.length),
    section("shared", "units", found.shared_streets.map((/** @type {any} */ one) => t("duty.unanswered.by", {
      name: named(one), squads: listed(one.squads.map((/** @type {string} */ code) => nameOf("squads", code))),
    })), streets.items.length));
}

/** @param {string} name @param {string} table where it is put right @param {string[]} rows @param {number} all */
const section = (name, table, rows, all) => h("section", { class: "chart" },
  h("h2", { text: t(`duty.unanswered.${name}`, { n: number(rows.length), all: number(all) }) }),
  h("p", { class: "meaning", text: t(`duty.unanswered.${name}.means`) }),
  rows.length ? h("ul", { class: "unanswered" }, rows.map((text) => h("li", { text }))) : h("p", { class: "note", text: t("duty.unanswered.none") }),
  rows.length > 0 && may("reference.manage") && h("a", { class: "button", href: `/tables#${table}`, text: t("duty.unanswered.put") }));
