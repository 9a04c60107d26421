/** Starts the page: the list, the weak spots, the map, and the campaign that the address names. */

import { may } from "../account.js";
import { getJSON } from "../api.js";
import { app } from "../app.js";
import { inOtherLanguage } from "../asked.js";
import { byId, fill, h } from "../dom.js";
import { language, number, percent, pick, setLanguage, setTimezone, showDay, t } from "../i18n.js";
import { canDraw } from "../map.js";
import { complain, notice } from "../messages.js";
import { nothing, open, startDetail } from "./detail.js";
import { edit } from "./editor.js";
import { renewed, startGround } from "./ground.js";
import { inLanguage, mark, period } from "./words.js";

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  const [district, layers, style] = await Promise.all([getJSON("/api/district"), getJSON("/api/layers"), getJSON("/styles/map.json")]);
  [app.district, app.layers, app.style] = [district, layers.items, style];
  setTimezone(district.timezone);
  byId("district").textContent = pick(district.title);
  byId("illustrative").hidden = !district.illustrative;
  byId("approval").textContent = [district.map_approval_number && t("footer.approval", { number: district.map_approval_number }), "MapLibre"].filter(Boolean).join(" · ");
  byId("language").addEventListener("click", (/** @type {any} */ event) => {
    event.currentTarget.href = inOtherLanguage();
  });
  for (const name of ["list", "weak"]) byId(`tab-${name}`).addEventListener("click", () => void show(name));
  byId("new")?.addEventListener("click", () => void edit({}, made));
  startDetail(list);
  if (district.bbox && canDraw()) await startGround((code) => void open(code));
  else byId("map").append(h("p", { class: "no-map", text: t(district.bbox ? "error.webgl" : "empty.title") }));
  await list();
  const asked = decodeURIComponent(location.hash.slice(1));
  if (asked) await open(asked);
  document.body.classList.add("ready");
}

/** @param {string} code */
async function made(code) {
  await show("list");
  await list();
  renewed();
  await open(code);
}

async function list() {
  try {
    // a figure of a review asks for those of its period
    const given = new URLSearchParams(location.search);
    const asked = Object.fromEntries(["from", "to", "effect", "cancelled"].map((name) => [name, given.get(name)]));
    const { items } = await getJSON("/api/campaigns", { ...asked, limit: 1000 });
    // what runs now first, then the latest
    items.sort((/** @type {any} */ a, /** @type {any} */ b) => Number(b.state === "running") - Number(a.state === "running") || b.starts_on.localeCompare(a.starts_on));
    fill(byId("list"), asked.from && h("li", { class: "none" }, t("campaigns.asked", { n: number(items.length) }), " ", h("a", { href: "/campaigns", text: t("campaigns.askAll") })), items.map(row), !items.length && h("li", { class: "none", text: t("campaigns.none") }));
  } catch (error) {
    complain(t("campaigns.title"), error, () => void list());
  }
}

/** @param {any} campaign */
const row = (campaign) => h("li", {}, h("button", {
  type: "button", class: "campaign-row", data: { campaign: campaign.code }, on: { click: () => void open(campaign.code) },
},
h("b", { text: campaign.name }),
h("span", {}, h("span", { class: "mark", text: t(`campaigns.state.${campaign.state}`) }), mark(campaign)),
h("small", { text: [period(campaign), inLanguage(campaign.lead), t("campaigns.progress", { done: number(campaign.tasks_done), of: number(campaign.tasks) }),
  campaign.tasks_late > 0 && t("campaigns.late", { n: number(campaign.tasks_late) })].filter(Boolean).join(" · ") })));

/** @param {string} name */
async function show(name) {
  for (const one of ["list", "weak"]) {
    byId(`tab-${one}`).setAttribute("aria-selected", String(one === name));
    byId(one).hidden = one !== name;
  }
  if (name !== "weak") return;
  nothing();
  try {
    const found = await getJSON("/api/campaigns/weak-spots");
    const share = (/** @type {any} */ one) => (one.share === null ? "—" : `${percent(one.share)} (${number(one.n)}/${number(one.of)})`);
    fill(byId("weak"),
      h("p", { class: "none", text: t("campaigns.weakIntro", {
        from: showDay(found.from), to: showDay(found.to), n: number(found.district.count),
        overdue: found.district.overdue === null ? "—" : percent(found.district.overdue), rework: found.district.rework === null ? "—" : percent(found.district.rework),
      }) }),
      found.items.map((/** @type {any} */ one) => h("div", { class: "campaign-row", data: { spot: one.community.code } },
        h("b", { text: `${one.community.name} · ${language() === "en" ? one.group.name_en : one.group.name}` }),
        h("small", { text: t("campaigns.weakSpot", { count: number(one.count), grids: number(one.hot_grids.length), hot: number(one.hot_count) }) }),
        h("small", { text: t("campaigns.weakRates", { overdue: share(one.overdue), rework: share(one.rework), score: number(one.score, 1) }) }),
        may("campaign.manage") && h("span", {}, h("button", { type: "button", class: "button", text: t("campaigns.fromSpot"), on: { click: () => void edit({ spot: one }, made) } })))),
      !found.items.length && h("p", { class: "none", text: t("campaigns.noWeak") }));
  } catch (error) {
    complain(t("campaigns.weak"), error, () => void show(name));
  }
}

start().catch((error) => {
  console.warn(error);
  notice(t("campaigns.failed"), h("p", { text: error.message }), h("p", { text: t("error.startHint") }),
    h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => location.reload() } }));
});
