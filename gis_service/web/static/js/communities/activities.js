/** Activities of a community: the list, the form, the sheet. */

import { may } from "../account.js";
import { address, getJSON, send } from "../api.js";
import { app } from "../app.js";
import { fill, h } from "../dom.js";
import { dateTime, isoDay, number, percent, t } from "../i18n.js";
import { complain } from "../messages.js";
import { photoPicker } from "../pictures.js";
import { whereField } from "../where.js";
import { openForm, positionOf } from "./forms.js";
import { addOpinion, opinionRow } from "./opinions.js";
import { bringRows } from "./sheets.js";
import { nameOf, option, words } from "./words.js";

const NUMBERS = ["residents", "households", "volunteers", "pledges", "staff", "quizzed", "passed"];

/** @param {HTMLElement} box @param {{code: string, units: any[]}} place */
export async function drawActivities(box, place) {
  const reload = () => drawActivities(box, place);
  const path = "/api/activities";
  const { items, next } = await getJSON(path, { community: place.code, limit: 60 });
  const { named } = place;
  // what a list leads to stands first where it is none of the latest
  if (named && !items.some((/** @type {any} */ one) => one.code === named)) items.unshift(...(await getJSON(path, { community: place.code, limit: 1000 })).items.filter((/** @type {any} */ one) => one.code === named));
  const file = h("input", { type: "file", id: "file", accept: ".xlsx,.csv", class: "visually-hidden", "aria-label": t("com.import"), on: { change: () => bringRows(path, reload) } });
  fill(box, h("section", { class: "panel-box" },
    h("div", { class: "table-head" }, h("h2", { text: t("com.tab.activities") }), h("span", { class: "note", text: next ? t("com.latest", { n: items.length }) : "" }),
      may("activity.manage") && [
        h("button", { type: "button", class: "button primary", id: "add-activity", text: t("com.addActivity"), on: { click: () => void edit(null, place, reload) } }),
        file, h("button", { type: "button", class: "button", text: t("com.import"), on: { click: () => file.click() } }),
        h("a", { class: "button", href: address(`${path}/template`, { lang: document.documentElement.dataset.lang }), download: "", text: t("com.template") })],
      h("a", { class: "button", href: address(path, { community: place.code, format: "xlsx", lang: document.documentElement.dataset.lang }), download: "", text: "Excel" })),
    h("div", { class: "brought", id: "brought", hidden: true, tabIndex: -1, "aria-live": "polite" }),
    items.length ? h("ul", { class: "rows" }, items.map((/** @type {any} */ one) => row(one, place, reload))) : h("p", { class: "note", text: t("com.none") })));
  const shown = named && box.querySelector(`[data-activity="${CSS.escape(named)}"]`);
  if (shown) {
    shown.scrollIntoView({ block: "center" });
    const said = shown.querySelector("details");
    if (said) said.open = true;
  }
}

/** What was said at an activity, entered and answered in its place. @param {any} one @param {any} place */
function opinionsOf(one, place) {
  const list = h("ul", { class: "rows" });
  const count = h("summary", { text: t("com.opinionCount", { n: one.opinions }) });
  const reload = async () => {
    try {
      const { items } = await getJSON("/api/opinions", { activity: one.code, limit: 500 });
      count.textContent = t("com.opinionCount", { n: items.length });
      fill(list, items.map((/** @type {any} */ said) => opinionRow(said, reload)), !items.length && h("li", { class: "note", text: t("com.none") }));
    } catch (error) {
      complain(t("com.tab.opinions"), error);
    }
  };
  return h("details", { class: "full said", on: { toggle: (/** @type {any} */ event) => { if (event.currentTarget.open) void reload(); } } }, count, list,
    may("opinion.manage") && h("button", { type: "button", class: "button", data: { say: one.code }, text: t("com.addOpinion"), on: { click: () => addOpinion({ activity: one.code }, reload) } }));
}

/** @param {any} one @param {any} place @param {() => Promise<void>} reload */
function row(one, place, reload) {
  const quiz = one.quizzed ? [one.passed === null ? t("com.quizzed", { n: number(one.quizzed) }) : t("com.quizPassed", { n: number(one.quizzed), passed: number(one.passed), share: percent(one.passed / one.quizzed) })] : [];
  const counts = NUMBERS.filter((name) => !["quizzed", "passed"].includes(name) && one[name] !== null).map((name) => `${t(`com.count.${name}`)} ${number(one[name])}`);
  const handed = one.materials.map((/** @type {any} */ item) => item.item + (item.count === null ? "" : ` ${number(item.count)}`));
  return h("li", { data: { activity: one.code } },
    h("span", {}, h("b", { text: one.title }), " ", h("span", { class: "tag", text: nameOf(one.kind) }), " ",
      h("span", { class: `tag ${one.unrecorded ? "unrecorded" : one.state}`, text: t(one.unrecorded ? "com.unrecorded" : `com.activity.${one.state}`) })),
    h("span", { class: "acts" }, may("activity.manage") && h("button", { type: "button", class: "button", text: t(one.unrecorded ? "com.record" : "com.edit"), on: { click: async () => edit(await getJSON(`/api/activities/${encodeURIComponent(one.code)}`), place, reload) } })),
    h("small", { class: "full", text: [dateTime(one.starts_at), one.place, nameOf(one.unit), ...counts, ...quiz, ...handed, one.media.length && t("com.mediaCount", { n: one.media.length }), one.signup.limit && t("com.signedUp", { n: one.signed_up, of: one.signup.limit })].filter(Boolean).join(" · ") }),
    one.results && h("p", { class: "full answer", text: one.results }),
    one.round && h("a", { class: "full link", href: "#surveys", text: t("com.roundAsked", { name: nameOf(one.round) }), on: { click: () => { location.hash = "#surveys"; location.reload(); } } }),
    one.state === "done" && (one.opinions > 0 || may("opinion.manage")) && opinionsOf(one, place),
    one.signup.limit && one.signed_up > 0 && may("personal.read") && h("span", { class: "full" }, h("button", { type: "button", class: "link", text: t("com.whoSigned"), on: { click: (/** @type {any} */ event) => void who(one, event.currentTarget.parentElement) } })),
    one.photos.length > 0 && h("span", { class: "full thumb-row" }, one.photos.map((/** @type {number} */ id) => h("a", { href: `/api/activities/${one.code}/photos/${id}`, target: "_blank", rel: "noopener" }, h("img", { src: `/api/activities/${one.code}/photos/${id}?size=thumb`, alt: one.title, loading: "lazy" })))));
}

/** @param {any} one @param {HTMLElement} box */
async function who(one, box) {
  try {
    const { items } = await getJSON(`/api/activities/${encodeURIComponent(one.code)}/signups`);
    fill(box, h("ul", { class: "rows" }, items.filter((/** @type {any} */ person) => !person.cancelled_at).map((/** @type {any} */ person) => h("li", {}, h("span", { text: [person.name ?? "—", person.phone].filter(Boolean).join(" ") }), h("span", { text: t("com.people", { n: person.people }) })))));
  } catch (error) {
    complain(t("com.whoSigned"), error);
  }
}

/** `图册×120；展板` and back. @param {any[]} items */
const materialsText = (items) => items.map((one) => one.item + (one.count === null || one.count === undefined ? "" : `×${one.count}`)).join("；");

/** @param {string} text */
const readMaterials = (text) => text.split(/[;；\n]/).map((part) => part.trim()).filter(Boolean).map((part) => {
  const found = /^(.+?)\s*[×xX*]\s*(\d+)$/.exec(part);
  return found ? { item: found[1], count: Number(found[2]) } : { item: part, count: null };
});

/** @param {any|null} one an activity to change @param {any} place @param {() => Promise<void>} reload */
async function edit(one, place, reload) {
  const { items: rounds } = await getJSON("/api/survey-rounds").catch(() => ({ items: [] }));
  const photos = photoPicker(9);
  const where = whereField({ map: Boolean(app.district.bbox), paste: true, name: "where" });
  if (one && one.lon !== null) void where.choose({ lon: one.lon, lat: one.lat, crs: "wgs84" });
  const clock = (/** @type {string|null|undefined} */ when) => (when ? new Intl.DateTimeFormat("en-GB", { timeZone: app.district.timezone, hour: "2-digit", minute: "2-digit" }).format(new Date(when)) : "");
  const values = {
    kind: one?.kind.code ?? words.activity_kind[0].code, title: one?.title, day: isoDay(one?.starts_at ?? new Date()),
    start: one ? clock(one.starts_at) : "09:00", end: one ? clock(one.ends_at) : "11:00",
    // what is past and opened here is there to be recorded
    state: one?.unrecorded ? "done" : one?.state ?? "planned", place: one?.place, unit: one?.unit?.code ?? "", description: one?.description, results: one?.results,
    materials: one ? materialsText(one.materials) : "", media: one?.media.map((/** @type {any} */ item) => [item.outlet, item.title, item.url].filter(Boolean).join("|")).join("\n"),
    units: (one?.units ?? []).map((/** @type {any} */ unit) => unit.code), members: (one?.members ?? []).join(" "),
    round: one?.round?.code ?? "", signup_limit: one?.signup.limit, public: one?.public ?? true, every: "", times: 4,
    ...Object.fromEntries(NUMBERS.map((name) => [name, one?.[name]])),
  };
  /** @type {import("./forms.js").Field[]} */
  const fields = [
    { name: "kind", label: t("com.kind"), kind: "select", options: words.activity_kind.map(option) },
    { name: "title", label: t("com.name"), required: true },
    { name: "state", label: t("com.stateLabel"), kind: "select", options: ["planned", "done", "cancelled"].map((state) => /** @type {[string, string]} */ ([state, t(`com.activity.${state}`)])) },
    { name: "day", label: t("com.dayLabel"), kind: "date", required: true },
    { name: "start", label: t("com.begins"), kind: "time", required: true },
    { name: "end", label: t("com.ends"), kind: "time" },
    { name: "place", label: t("com.place") },
    { name: "where", label: t("com.position"), kind: "element", wide: true, element: where.element },
    { name: "unit", label: t("com.unit"), kind: "select", options: [["", "—"], .../** @type {[string, string][]} */ (place.units.map(option))] },
    { name: "units", label: t("com.units"), kind: "many", options: place.units.map(option) },
    { name: "members", label: t("com.memberCodes"), hint: t("com.memberCodesHint"), most: 2000 },
    { name: "signup_limit", label: t("com.signupLimit"), kind: "number", hint: t("com.signupHint") },
    ...NUMBERS.map((name) => /** @type {import("./forms.js").Field} */ ({ name, label: t(`com.count.${name}`), kind: "number", hint: t("com.notCounted") })),
    { name: "round", label: t("com.roundAskedThere"), kind: "select", options: [["", "—"], .../** @type {[string, string][]} */ (rounds.map(option))] },
    { name: "materials", label: t("com.materials"), hint: t("com.materialsHint"), wide: true, most: 1000 },
    { name: "media", label: t("com.media"), kind: "words", hint: t("com.mediaHint") },
    { name: "description", label: t("com.description"), kind: "words" },
    { name: "results", label: t("com.results"), kind: "words" },
    { name: "photos", label: t("com.photos"), kind: "element", wide: true, element: photos.element },
    { name: "public", label: "", kind: "check", hint: t("com.public"), wide: true },
  ];
  if (!one) fields.push(
    { name: "every", label: t("com.repeat"), kind: "select", options: ["", "day", "week", "month", "month_weekday"].map((every) => /** @type {[string, string]} */ ([every, every ? t(`com.every.${every}`) : t("com.once")])) },
    { name: "times", label: t("com.times"), kind: "number" });
  openForm(t(one ? "com.editActivity" : "com.addActivity"), fields, values, async (said) => {
    const ids = [...(one?.photos ?? [])];
    for (const file of photos.read()) {
      const form = new FormData();
      form.append("photo", file);
      ids.push((await send("POST", "/api/attachments", form)).id);
    }
    const { day, start, end, every, times, media, materials, members, photos: _photos, ...plain } = said;
    const body = {
      ...plain, community: place.code, starts_at: `${day}T${start}`, ends_at: end ? `${day}T${end}` : null,
      materials: readMaterials(materials), photos: ids, members: members.split(/[\s、，,；;]+/).filter(Boolean),
      media: media.split("\n").map((/** @type {string} */ line) => line.trim()).filter(Boolean).map((/** @type {string} */ line, /** @type {number} */ at) => {
        const [outlet, title = "", url = ""] = line.split("|").map((part) => part.trim());
        return { outlet, title, url, on: one?.media[at]?.outlet === outlet ? one.media[at].on : null };
      }),
      ...positionOf(where),
    };
    if (one) await send("PUT", `/api/activities/${encodeURIComponent(one.code)}`, { ...body, version: one.version });
    else await send("POST", "/api/activities", { ...body, ...(every ? { repeat: { every, times: times || 2 } } : {}) });
    await reload();
  }, one ? { remove: async () => { await send("DELETE", `/api/activities/${encodeURIComponent(one.code)}`); await reload(); } } : {});
}
