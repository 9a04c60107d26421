/** What one's community has in hand. */

import { getJSON } from "../api.js";
import { fill, h, icon } from "../dom.js";
import { date, language, number, percent, t } from "../i18n.js";
import { ENDED } from "../app.js";
import { ownPosition } from "../where.js";

/** @param {any} named */
const nameOf = (named) => (language() === "en" && named.name_en ? named.name_en : named.name || named.code);

/** @param {string} path @returns {Promise<any[]>} every page of a list */
async function all(path) {
  const out = [];
  let cursor = null;
  do {
    const page = await getJSON(path, { limit: 500, cursor });
    out.push(...page.items);
    cursor = page.next;
  } while (cursor);
  return out;
}

/** @param {HTMLElement} box @param {string} asked code of a community */
export async function startCommunity(box, asked) {
  const streets = await all("/api/areas/street");
  const street = h("select", { class: "field", "aria-label": t("level.street"), on: { change: () => void list() } },
    h("option", { value: "", text: t("public.chooseStreet") }), streets.map((one) => h("option", { value: one.code, text: nameOf(one) })));
  const community = h("select", { class: "field", "aria-label": t("level.community"), disabled: true, on: { change: () => void look(community.value) } });
  const own = h("button", { type: "button", class: "button", on: { click: () => void here() } }, icon("locate"), t("public.here"));
  const found = h("div", { "aria-live": "polite" });

  /** @param {string} [chosen] */
  async function list(chosen = "") {
    const items = street.value ? await all(`/api/areas/street/${encodeURIComponent(street.value)}/children`) : [];
    fill(community, h("option", { value: "", text: t("public.chooseCommunity") }), items.map((one) => h("option", { value: one.code, text: nameOf(one), selected: one.code === chosen })));
    community.disabled = !items.length;
  }

  async function here() {
    own.disabled = true;
    try {
      const at = await ownPosition();
      const place = await getJSON("/api/locate", { lon: at.lon, lat: at.lat, crs: at.crs });
      if (!place.community) throw new Error(t("where.outside"));
      await look(place.community.code);
    } catch (error) {
      fill(found, h("p", { class: "problem", role: "alert", text: /** @type {Error} */ (error).message }));
    } finally {
      own.disabled = false;
    }
  }

  /** @param {string} code */
  async function look(code) {
    if (!code) { fill(found); return; }
    try {
      const cases = await getJSON(`/api/public/communities/${encodeURIComponent(code)}`);
      if (cases.street && street.value !== cases.street.code) {
        street.value = cases.street.code;
        await list(code);
      }
      draw(cases);
    } catch (error) {
      fill(found, h("p", { class: "problem", role: "alert", text: /** @type {Error} */ (error).message }));
    }
  }

  /** @param {any} cases */
  function draw(cases) {
    const most = Math.max(1, ...cases.by_class.map((/** @type {any} */ one) => one.count));
    const figure = (/** @type {string} */ value, /** @type {string} */ label) => h("div", {}, h("b", { text: value }), h("span", { text: label }));
    fill(found, h("div", { class: "tile" },
      h("h2", { text: nameOf(cases.community) }),
      h("a", { class: "button", href: `/communities/${encodeURIComponent(cases.community.code)}`, text: t("public.notice") }),
      h("p", { class: "note", text: t("public.since", { day: date(cases.since) }) }),
      h("div", { class: "numbers" },
        figure(number(cases.filed), t("public.filed")),
        figure(number(cases.open), t("public.open")),
        figure(number(cases.closed), t("public.closed")),
        figure(cases.on_time.of ? percent(cases.on_time.count / cases.on_time.of) : "—",
          cases.on_time.of ? t("public.onTime", { n: cases.on_time.count, of: cases.on_time.of }) : t("public.onTimeNone"))),
      cases.by_class.length > 0 && [h("h3", { text: t("public.byClass") }), h("ul", { class: "bars" }, cases.by_class.map((/** @type {any} */ one) => h("li", {},
        h("span", { text: nameOf(one) }), h("i", { css: { width: `${(100 * one.count) / most}%` } }), h("span", { text: number(one.count) }))))],
      h("h3", { text: t("public.recent") }),
      cases.recent.length ? h("ul", { class: "recent" }, cases.recent.map((/** @type {any} */ one) => h("li", {},
        h("span", { class: ENDED.includes(one.state) ? "mark ended" : "mark", "aria-hidden": "true" }),
        h("span", {}, h("b", { text: nameOf(one.class) }), ` ${t(`state.${one.state}`)}`, one.grid && h("span", { class: "note", text: ` ${nameOf(one.grid)}` })),
        h("time", { dateTime: one.reported_at, text: date(one.reported_at) })))) : h("p", { class: "note", text: t("public.noCases") })));
  }

  fill(box, h("div", { class: "tile" }, h("h2", { text: t("public.tab.community") }), own, h("div", { class: "two" }, street, community)), found);
  await list();
  if (asked) await look(asked);
}
