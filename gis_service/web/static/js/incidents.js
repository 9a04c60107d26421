/** A paged list of an area's incidents under the current filters. */

import { may, signInLink } from "./account.js";
import { filterQuery, getJSON, isAbort } from "./api.js";
import { app, ENDED } from "./app.js";
import { className } from "./classes.js";
import { fill, h } from "./dom.js";
import { dateTime, number, t } from "./i18n.js";
import { filterCount, get, on, set } from "./state.js";

const PAGE = 20;
/** @type {AbortController|null} */
let running = null;
/** @type {((quiet: boolean) => void)|null} reads the list that is on the page again */
let again = null;

/**
 * The list for `where` (a level and its code). It follows the filters while it is on the page. Who
 * may not read incidents gets their number and the way to sign in.
 * @param {Record<string, string>} where @param {string} level
 * @returns {HTMLElement|null}
 */
export function incidentList(where, level) {
  const list = h("ul", { class: "incidents" });
  const title = h("h3", { text: t("incidents.title") });
  const foot = h("div", { class: "incidents-foot" });
  const box = h("section", { class: "incident-list" }, title, list, foot);
  const query = () => ({
    ...filterQuery(get().filters),
    // The area itself decides; a filter on another area of its level would contradict it.
    ...(level in get().filters ? { [level]: [where[level]] } : where),
  });

  /** @param {string|null} cursor @param {boolean} [quiet] leaves all as it is until the answer comes */
  const load = async (cursor, quiet = false) => {
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    if (!quiet) fill(foot, h("p", { class: "note", text: t("drawer.loading") }));
    try {
      const [page, counted] = await Promise.all([
        may("incident.read") ? getJSON("/api/incidents", { ...query(), limit: PAGE, cursor }, { signal }) : null,
        cursor ? null : getJSON("/api/incidents/count", query(), { signal }),
      ]);
      const focused = /** @type {HTMLElement|null} */ (document.activeElement)?.dataset?.incident;
      if (!cursor) list.replaceChildren();
      if (page) list.append(...page.items.map(row));
      if (focused) /** @type {HTMLElement|null} */ (list.querySelector(`[data-incident="${focused}"]`))?.focus();
      if (counted) title.textContent = t(filterCount() ? "incidents.filtered" : "incidents.count", { n: number(counted.count) });
      if (!page) fill(foot, signInNote());
      else fill(foot,
        !list.childElementCount && h("p", { class: "note", text: t("incidents.none") }),
        page.next && h("button", {
          type: "button", class: "button wide", text: t("incidents.more"), on: { click: () => void load(page.next) },
        }));
    } catch (error) {
      if (isAbort(error)) return;
      fill(foot, h("p", { class: "note", text: /** @type {Error} */ (error).message }), h("button", {
        type: "button", class: "button", text: t("error.retry"), on: { click: () => void load(cursor) },
      }));
    }
  };
  again = (quiet) => {
    // who has gone on to further pages is reading them
    if (box.isConnected && !(quiet && list.childElementCount > PAGE)) void load(null, quiet);
  };
  void load(null);
  return box;
}

/** What stands where single incidents would. */
export const signInNote = () =>
  h("p", { class: "note" }, `${t("incidents.signIn")} `, signInLink(t("incidents.signInLink")));

on(["filters"], () => again?.(false));

/** Reads the list again without a word, where its first page is shown. */
export const renewList = () => again?.(true);

/** @param {any} item */
function row(item) {
  const ended = ENDED.includes(item.state);
  const kind = app.classes.find((known) => known.code === item.class.code) ?? item.class;
  return h("li", {}, h("button", {
    type: "button", class: `incident ${ended ? "ended" : "open"}`, data: { incident: String(item.id) },
    on: { click: () => set({ selection: { kind: "incident", id: String(item.id) } }) },
  },
  h("span", { class: "mark", "aria-hidden": "true" }),
  h("span", { class: "incident-text" },
    h("span", { class: "incident-class" }, h("b", { text: className(kind) }),
      h("span", { class: `tag ${ended ? "ended" : "open"}`, text: t(`state.${item.state}`) })),
    h("span", { class: "note", text: [dateTime(item.reported_at), item.address].filter(Boolean).join(" · ") }))));
}
