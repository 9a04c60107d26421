/** The parts of the district that an account may be limited to, by name, and the choice among them. */

import { getJSON } from "../api.js";
import { fill, h, icon } from "../dom.js";
import { language, t } from "../i18n.js";

/** @typedef {import("./people.js").Scope} Scope */

export const LEVELS = ["street", "community", "unit", "squad"];
/** Most rows of the choice drawn at once; who does not find theirs among them types a part of its name. */
const SHOWN = 100;
/** @type {Record<string, {code: string, name: string}[]>} */
const places = {};

export async function loadPlaces() {
  const lists = await Promise.all([all("/api/areas/street"), all("/api/areas/community"), getJSON("/api/units"), getJSON("/api/squads")]);
  LEVELS.forEach((level, at) => {
    places[level] = lists[at].items.map((/** @type {any} */ row) => ({ code: row.code, name: (language() === "en" && row.name_en) || row.name }));
  });
}

/** @param {string} path */
async function all(path) {
  /** @type {any[]} */
  const items = [];
  /** @type {string|null} */
  let cursor = null;
  do {
    const page = await getJSON(path, { limit: 1000, cursor });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor);
  return { items };
}

/** The name of a part, or its code: an account may name what is not there yet or no more. @param {Scope} scope */
export const placeName = ({ level, code }) => places[level]?.find((one) => one.code === code)?.name ?? code;

/** @param {Scope} scope */
export const placeWords = (scope) => t("accounts.place", { level: t(`accounts.level.${scope.level}`), name: placeName(scope) });

/**
 * The choice of parts: what is chosen, and a list of one level to choose from.
 * @param {Scope[]} before
 * @param {string} first the level to begin with
 * @param {() => void} changed
 */
export function placeChoice(before, first, changed) {
  let chosen = [...before];
  const same = (/** @type {Scope} */ a, /** @type {Scope} */ b) => a.level === b.level && a.code === b.code;
  const chips = h("ul", { class: "places-chosen", id: "places-chosen", tabIndex: -1, "aria-label": t("accounts.scopesChosen") });
  const list = h("div", { class: "places-list", role: "group", "aria-label": t("accounts.scopesList") });
  const level = h("select", { class: "field", id: "places-level", on: { change: () => { search.value = ""; drawList(); } } },
    LEVELS.map((one) => h("option", { value: one, text: t(`accounts.level.${one}`), selected: one === (first || "street") })));
  const search = h("input", {
    class: "field", id: "places-search", type: "search", autocomplete: "off", placeholder: t("accounts.scopesSearch"), "aria-label": t("accounts.scopesSearch"),
    on: {
      input: () => drawList(),
      // the form is not to be sent by who looks for a name
      keydown: (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter") event.preventDefault(); },
    },
  });

  /** @param {Scope} scope @param {boolean} on */
  function set(scope, on) {
    chosen = on ? [...chosen, scope] : chosen.filter((one) => !same(one, scope));
    drawChosen();
    changed();
  }

  function drawChosen() {
    fill(chips, chosen.length
      ? chosen.map((scope) => h("li", {}, h("span", { text: placeWords(scope) }), h("button", {
        type: "button", class: "quiet", "aria-label": t("accounts.scopeOff", { name: placeWords(scope) }),
        on: { click: () => { set(scope, false); drawList(); chips.focus(); } },
      }, icon("close"))))
      : h("li", { class: "all", text: t("accounts.everywhere") }));
  }

  function drawList() {
    const words = search.value.trim().toLowerCase();
    const found = places[level.value].filter(({ code, name }) => !words || name.toLowerCase().includes(words) || code.toLowerCase().startsWith(words));
    fill(list,
      found.slice(0, SHOWN).map(({ code, name }) => {
        const scope = { level: level.value, code };
        return h("label", {}, h("input", {
          type: "checkbox", value: code, checked: chosen.some((one) => same(one, scope)),
          on: { change: (/** @type {any} */ event) => set(scope, event.target.checked) },
        }), h("span", { text: name }), h("small", { text: code }));
      }),
      !found.length && h("p", { class: "note", text: t(words ? "accounts.scopesNone" : "accounts.scopesEmpty") }),
      found.length > SHOWN && h("p", { class: "note", text: t("accounts.scopesMore", { n: found.length - SHOWN }) }));
  }

  drawChosen();
  drawList();
  return {
    element: h("fieldset", { class: "places" }, h("legend", { text: t("accounts.scopes") }), chips,
      h("div", { class: "places-tools" }, h("label", { class: "visually-hidden", for: "places-level", text: t("accounts.scopesLevel") }), level, search), list),
    read: () => chosen,
    /** Offers another level, where nothing is chosen yet. @param {string} next */
    lead(next) {
      if (!next || chosen.length || level.value === next) return;
      level.value = next;
      search.value = "";
      drawList();
    },
  };
}

/** Whether two lists name the same parts. @param {Scope[]} a @param {Scope[]} b */
export function samePlaces(a, b) {
  const keys = (/** @type {Scope[]} */ list) => list.map(({ level, code }) => `${level}=${code}`).sort().join("\n");
  return keys(a) === keys(b);
}
