/** Setting up a campaign, or changing one. */

import { getJSON, send } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { addDays, isoDay, language, number, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { draw, showParts, take } from "./ground.js";
import { inLanguage } from "./words.js";

const DAYS = 28;
/** @type {{units: any[], communities: any[], groups: {code: string, name: string}[]}|null} */
let known = null;

async function learn() {
  const [units, communities, classes] = await Promise.all([
    getJSON("/api/units"), getJSON("/api/areas/community", { limit: 1000 }), getJSON("/api/classes"),
  ]);
  /** @type {Map<string, string>} */
  const groups = new Map();
  for (const one of classes.items) {
    groups.set(`${one.kind[0].toUpperCase()}-${one.major}`, (language() === "en" && one.major_name_en) || one.major_name);
  }
  return {
    units: units.items, communities: communities.items,
    groups: [...groups].map(([code, name]) => ({ code, name })).sort((one, other) => one.code.localeCompare(other.code)),
  };
}

/**
 * @param {{campaign?: any, spot?: any}} what a campaign to change, or a weak spot to begin with
 * @param {(code: string) => Promise<void>} done
 */
export async function edit({ campaign, spot }, done) {
  try {
    known ??= await learn();
  } catch (error) {
    complain(t("campaigns.editor"), error);
    return;
  }
  const today = isoDay(new Date());
  const given = campaign ?? { areas: [], classes: spot ? [spot.group.code] : [], units: [], starts_on: today, ends_on: addDays(today, DAYS - 1), goal: "", name: spot ? t("campaigns.nameOf", { place: spot.community.name, group: language() === "en" ? spot.group.name_en : spot.group.name }) : "" };
  const grids = new Set(spot ? spot.hot_grids : given.areas.filter((/** @type {any} */ one) => one.level === "grid").map((/** @type {any} */ one) => one.code));
  const chosen = new Set(given.areas.filter((/** @type {any} */ one) => one.level === "community").map((/** @type {any} */ one) => one.code));
  const streets = given.areas.filter((/** @type {any} */ one) => one.level === "street");
  /** @type {[number, number][]} */
  let corners = [];
  let drawing = false;
  const groups = new Set(given.classes);
  const others = given.classes.filter((/** @type {string} */ code) => !known?.groups.some((one) => one.code === code));
  const field = (/** @type {string} */ name, /** @type {HTMLElement} */ control) => h("label", {}, t(`campaigns.fact.${name}`), control);
  const picked = () => {
    byId("picked").textContent = t("campaigns.picked", { grids: number(grids.size), corners: number(corners.length) });
    draw(grids, corners);
  };
  const form = h("form", { class: "campaign-editor", id: "editor", on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); void save(); } } },
    h("h2", { text: t(campaign ? "campaigns.edit" : "campaigns.new") }),
    h("div", { class: "two" },
      field("code", h("input", { class: "field", name: "code", required: true, maxLength: 50, value: campaign?.code ?? `ZX${today.replaceAll("-", "")}`, disabled: Boolean(campaign) })),
      field("name", h("input", { class: "field", name: "name", required: true, maxLength: 200, value: given.name }))),
    h("div", { class: "two" },
      field("starts", h("input", { class: "field", name: "starts_on", type: "date", required: true, value: given.starts_on })),
      field("ends", h("input", { class: "field", name: "ends_on", type: "date", required: true, value: given.ends_on }))),
    h("div", { class: "two" },
      field("lead", h("select", { class: "field", name: "lead", required: true }, !campaign && h("option", { value: "", text: "" }), known.units.map((one) => h("option", { value: one.code, text: inLanguage(one), selected: one.code === given.lead?.code })))),
      field("units", h("select", { class: "field", name: "units", multiple: true, size: 3 }, known.units.map((one) => h("option", { value: one.code, text: inLanguage(one), selected: given.units.some((/** @type {any} */ unit) => unit.code === one.code) }))))),
    field("goal", h("input", { class: "field", name: "goal", maxLength: 2000, value: given.goal })),
    h("fieldset", { class: "groups" }, h("legend", { text: t("campaigns.fact.classes") }),
      known.groups.map((one) => h("label", {}, h("input", { type: "checkbox", name: "classes", value: one.code, checked: groups.has(one.code) }), `${one.name} ${one.code}`))),
    h("label", {}, t("campaigns.single"), h("input", { class: "field", name: "single", value: others.join(" "), placeholder: "E-04-01 E-04-97" })),
    field("communities", h("select", { class: "field", name: "communities", multiple: true, size: 4 }, known.communities.map((one) => h("option", { value: one.code, text: `${one.name} ${one.code}`, selected: chosen.has(one.code) })))),
    h("div", { class: "campaign-actions" },
      h("span", { id: "picked", role: "status" }),
      h("button", { type: "button", class: "button", id: "draw", "aria-pressed": "false", text: t("campaigns.draw"), on: { click: () => {
        drawing = !drawing;
        byId("draw").setAttribute("aria-pressed", String(drawing));
        byId("draw").textContent = t(drawing ? "campaigns.drawGrids" : "campaigns.draw");
      } } }),
      h("button", { type: "button", class: "button", text: t("campaigns.clear"), on: { click: () => { grids.clear(); corners = []; picked(); } } })),
    h("small", { text: t(campaign?.drawn ? "campaigns.keepsDrawn" : "campaigns.pickHint") }),
    h("div", { class: "campaign-actions" },
      h("button", { type: "submit", class: "button primary", text: t("campaigns.save") }),
      h("button", { type: "button", class: "button", text: t("campaigns.leave"), on: { click: () => { take(null); if (campaign) void done(campaign.code); else location.reload(); } } })));
  fill(byId("detail"), form);
  showParts(null, null);
  take((at, grid) => {
    if (drawing) corners = [...corners, [at.lon, at.lat]];
    else if (grid && !grids.delete(grid)) grids.add(grid);
    picked();
  });
  picked();

  async function save() {
    const data = new FormData(/** @type {HTMLFormElement} */ (form));
    const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
    const code = campaign?.code ?? text("code");
    const polygon = corners.length > 2 ? { type: "Polygon", coordinates: [[...corners, corners[0]]] } : campaign?.polygon ?? null;
    const body = {
      name: text("name"), goal: text("goal"), starts_on: text("starts_on"), ends_on: text("ends_on"),
      lead: text("lead"), units: data.getAll("units"), polygon,
      classes: [...data.getAll("classes"), ...text("single").split(/[\s,，、]+/).filter(Boolean)],
      areas: [
        ...data.getAll("communities").map((one) => ({ level: "community", code: one })),
        ...[...grids].map((one) => ({ level: "grid", code: one })),
        ...streets.map((/** @type {any} */ one) => ({ level: "street", code: one.code })),
      ],
    };
    try {
      if (campaign) await send("PUT", `/api/campaigns/${encodeURIComponent(code)}`, { ...body, version: campaign.version });
      else await send("POST", "/api/campaigns", { ...body, code });
      say(t("campaigns.saved", { code }));
      take(null);
      await done(code);
    } catch (error) {
      complain(t("campaigns.editor"), error);
    }
  }
}
