/** One community: its notice for everybody, and what those who work there do. */

import { may } from "../account.js";
import { getJSON, send } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { dateTime, number, percent, t } from "../i18n.js";
import { complain, notice, say } from "../messages.js";
import { drawActivities } from "./activities.js";
import { openForm } from "./forms.js";
import { drawNotice, drawTools } from "./notice.js";
import { drawOpinions } from "./opinions.js";
import { drawOrders } from "./orders.js";
import { drawStations } from "./stations.js";
import { drawSurveys } from "./surveys.js";
import { begin, card, counted, nameOf, shareText, showDistrict } from "./words.js";

const code = decodeURIComponent(location.pathname.split("/")[2] ?? "");
/** @type {Record<string, (box: HTMLElement, place: any) => Promise<void>>} */
const TABS = { activities: drawActivities, orders: drawOrders, opinions: drawOpinions, surveys: drawSurveys, stations: drawStations };
/** @type {any} */
const place = { code, units: [] };

async function start() {
  await begin();
  try {
    await load();
  } catch (error) {
    if (/** @type {any} */ (error).status !== 404) throw error;
    notice(t("com.unknown"), h("p", { text: code }), h("a", { class: "link", href: may("community.read") ? "/communities" : "/public", text: t("com.title") }));
    document.body.classList.add("ready");
    return;
  }
  if (may("community.read")) {
    place.units = (await getJSON("/api/units")).items.filter((/** @type {any} */ one) => one.active !== false);
    tabs();
  }
  document.body.classList.add("ready");
}

async function load() {
  const staff = may("community.read");
  const [told, cases, post] = await Promise.all([
    getJSON(`/api/public/communities/${encodeURIComponent(code)}/notice`),
    getJSON(`/api/public/communities/${encodeURIComponent(code)}`),
    staff ? getJSON(`/api/posts/${encodeURIComponent(code)}`) : null,
  ]);
  byId("name").textContent = nameOf(told.community);
  document.title = `${nameOf(told.community)} · ${document.title}`;
  showDistrict(nameOf(told.street));
  drawNotice(told);
  drawTools(told, post, load);
  const satisfied = shareText(told.satisfaction);
  fill(byId("cards"),
    card(t("com.cardActivities", { days: told.days }), number(told.done.activities), told.done.households.sum === null ? t("com.noHouseholds") : t("com.households", { n: told.done.households.sum, of: told.done.households.of })),
    card(t("com.peopleReached"), counted(told.done.residents.sum), t("com.ofActivities", { n: told.done.residents.of, of: told.done.activities })),
    card(t("com.cardCases", { days: told.days }), number(cases.filed), cases.on_time.of ? t("com.onTime", { share: percent(cases.on_time.count / cases.on_time.of), of: cases.on_time.of }) : t("com.noneClosed")),
    card(t("com.col.satisfaction"), satisfied.main, satisfied.small));
  fill(byId("coming"), h("section", { class: "panel-box" },
    h("h2", { text: t("com.coming") }),
    told.coming.length ? h("ul", { class: "rows" }, told.coming.map(comingRow)) : h("p", { class: "note", text: t("com.noComing") }),
    told.surveys.map((/** @type {any} */ one) => h("p", {}, h("a", { class: "button", href: `/survey/${encodeURIComponent(one.code)}?community=${encodeURIComponent(code)}`, text: t("com.answerSurvey", { title: document.documentElement.dataset.lang === "en" ? one.title_en || one.title : one.title }) })))));
}

/** @param {any} one */
function comingRow(one) {
  return h("li", {},
    h("span", {}, h("b", { text: one.title }), " ", h("span", { class: "tag", text: nameOf(one.kind) })),
    h("span", { class: "acts" }, one.signup.open && h("button", { type: "button", class: "button", text: t("com.signUp"), on: { click: () => signUp(one) } })),
    h("small", { class: "full", text: [dateTime(one.starts_at), one.place, one.signup.limit && t("com.placesLeft", { n: one.signup.left, of: one.signup.limit })].filter(Boolean).join(" · ") }));
}

/** @param {any} one */
function signUp(one) {
  openForm(t("com.signUpFor", { title: one.title }), [
    { name: "name", label: t("com.personName"), required: true },
    { name: "phone", label: t("com.phone"), required: true },
    { name: "people", label: t("com.howMany"), kind: "number", required: true },
  ], { people: 1 }, async (values) => {
    const taken = await send("POST", `/api/public/activities/${encodeURIComponent(one.code)}/signups`, values);
    say(t("com.signedUpCode", { code: taken.code }), { seconds: 60 });
    await load();
  });
}

function tabs() {
  const bar = byId("tabs");
  bar.hidden = false;
  fill(bar, Object.keys(TABS).map((name) => h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "work", text: t(`com.tab.${name}`), on: { click: () => void show(name) } })));
  const [asked, one] = location.hash.slice(1).split("=");
  place.named = one ? decodeURIComponent(one) : null;
  void show(asked in TABS ? asked : "activities");
}

/** @param {string} name */
async function show(name) {
  history.replaceState(null, "", `${location.pathname}${location.search}#${name}`);
  for (const button of byId("tabs").children) button.setAttribute("aria-selected", String(button.id === `tab-${name}`));
  const box = byId("work");
  box.hidden = false;
  box.setAttribute("aria-labelledby", `tab-${name}`);
  delete box.dataset.shown;
  try {
    await TABS[name](box, place);
    box.dataset.shown = name;
  } catch (error) {
    complain(t(`com.tab.${name}`), error, () => void show(name));
  }
}

start().catch((error) => complain(t("com.page"), error, () => location.reload()));
