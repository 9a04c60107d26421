/** What one follows, and what happened to it. */

import { getJSON, isAbort, latest, send } from "../api.js";
import { app } from "../app.js";
import { byId, debounce, fill, h } from "../dom.js";
import { dateTime, language, number, setLanguage, setTimezone, t } from "../i18n.js";
import { complain, say } from "../messages.js";

const LEVELS = ["street", "community", "grid", "building"];
const KINDS = ["wecom", "dingtalk", "plain"];
const PAGE = 50;
const EVERY_MS = 15000;

/** @type {any[]} */
let notices = [];
/** @type {string|null} */
let following = null;
/** @type {[number, number][]} */
let corners = [];
/** @type {any} */
let pen = null;
const offering = latest();

// -- notices ---------------------------------------------------------------------------------

/** @param {boolean} [more] behind what is shown already */
async function loadNotices(more = false) {
  const page = await getJSON("/api/notices", { limit: PAGE, cursor: more ? following : null });
  notices = more ? [...notices, ...page.items] : page.items;
  following = page.next;
  byId("unread").textContent = page.unread ? number(page.unread) : "";
  byId("read-all").disabled = !page.unread;
  byId("more").hidden = !following;
  fill(byId("notices"), notices.length ? notices.map(noticeRow) : h("li", {}, h("span", { class: "note", text: t("watches.noNotices") })));
}

/** @param {any} notice */
function noticeRow(notice) {
  return h("li", { class: notice.read_at ? null : "new-notice", data: { notice: String(notice.id) } },
    h("span", {}, h("a", { href: `/dispatch#incident=${notice.incident.id}`, text: notice.incident.code }), ` ${notice.class.name}`),
    h("span", { text: t(`state.${notice.state}`) }),
    h("small", { text: [t(`watches.kind.${notice.kind}`), notice.community?.name, notice.watch.name, dateTime(notice.at)].filter(Boolean).join(" · ") }));
}

// -- watches ---------------------------------------------------------------------------------

async function loadWatches() {
  const { items } = await getJSON("/api/watches");
  fill(byId("watches"), items.length ? items.map(watchRow) : h("li", {}, h("span", { class: "note", text: t("watches.none") })));
}

/** @param {any} watch */
function watchRow(watch) {
  const what = [
    watch.level && `${t(`watches.level.${watch.level}`)} ${watch.code}`,
    watch.class && `${t("figures.group.class")} ${watch.class}`,
    watch.polygon && t("watches.drawn"),
    watch.on_new && t("watches.kind.new"), watch.on_change && t("watches.kind.changed"),
    watch.webhook && `${t(`watches.hook.${watch.webhook.kind}`)} ${watch.webhook.host}`,
  ];
  return h("li", { data: { watch: String(watch.id) } },
    h("b", { text: watch.name }),
    h("button", { type: "button", class: "link", text: t("watches.remove"), on: { click: () => remove(watch) } }),
    h("small", { text: what.filter(Boolean).join(" · ") }),
    watch.webhook && h("button", { type: "button", class: "link", text: t("watches.try"), on: { click: () => tryOut(watch) } }),
    watch.webhook?.problem && h("small", { class: "problem", text: t("watches.problem", { words: watch.webhook.problem }) }));
}

/** @param {any} watch */
async function tryOut(watch) {
  try {
    await send("POST", `/api/watches/${watch.id}/test`);
    say(t("watches.tried"));
  } catch (error) {
    complain(t("watches.try"), error);
  }
  await loadWatches();
}

/** @param {any} watch */
async function remove(watch) {
  try {
    await send("DELETE", `/api/watches/${watch.id}`);
    await Promise.all([loadWatches(), loadNotices()]);
  } catch (error) {
    complain(t("watches.title"), error);
  }
}

// -- a new one -------------------------------------------------------------------------------

async function drawForm() {
  const { items } = await getJSON("/api/classes");
  const named = (/** @type {any} */ row) => (language() === "en" && row.name_en) || row.name;
  /** @type {Map<string, string>} */
  const classes = new Map(items.map((/** @type {any} */ row) => [row.code, `${row.code} ${named(row)}`]));
  const select = (/** @type {string} */ id, /** @type {string} */ words, /** @type {[string, string][]} */ options) =>
    h("label", {}, words, h("select", { class: "field", id }, options.map(([value, text]) => h("option", { value, text }))));
  const input = (/** @type {string} */ id, /** @type {string} */ words, /** @type {any} */ more = {}) =>
    h("label", {}, words, h("input", { class: "field", id, autocomplete: "off", ...more }));
  const check = (/** @type {string} */ id, /** @type {string} */ words) =>
    h("label", {}, h("input", { type: "checkbox", id, checked: true }), words);
  const none = /** @type {[string, string]} */ (["", "—"]);
  fill(byId("new-watch"),
    h("h2", { text: t("watches.new") }),
    input("watch-name", t("watches.name"), { required: true, maxlength: "100" }),
    select("watch-level", t("watches.level"), [none, ...LEVELS.map((level) => /** @type {[string, string]} */ ([level, t(`watches.level.${level}`)]))]),
    input("watch-code", t("watches.code"), { maxlength: "64", list: "watch-areas", placeholder: t("watches.codeHint") }),
    h("datalist", { id: "watch-areas" }),
    select("watch-class", t("figures.group.class"), [none, ...classes]),
    h("button", { type: "button", class: "button", id: "draw", text: t("watches.draw"), on: { click: draw } }),
    h("div", { class: "map", id: "draw-map", hidden: true }),
    h("p", { class: "note", id: "draw-note", hidden: true }),
    h("div", { class: "checks" }, check("watch-new", t("watches.kind.new")), check("watch-change", t("watches.kind.changed"))),
    select("watch-hook", t("watches.webhook"), [none, ...KINDS.map((kind) => /** @type {[string, string]} */ ([kind, t(`watches.hook.${kind}`)]))]),
    h("div", { id: "hook-fields", hidden: true },
      input("watch-url", t("watches.url"), { type: "url", maxlength: "1000" }),
      input("watch-secret", t("watches.secret"), { type: "password", maxlength: "200" })),
    h("button", { class: "button primary", id: "follow", text: t("watches.follow") }));
  byId("watch-code").addEventListener("input", debounce(() => void offerAreas(), 200));
  byId("watch-level").addEventListener("change", () => void offerAreas());
  byId("watch-hook").addEventListener("change", () => { byId("hook-fields").hidden = !byId("watch-hook").value; });
}

/** Offers the areas of the level whose name or code has what is typed: people know names. */
async function offerAreas() {
  const level = byId("watch-level").value;
  if (!level) return void fill(byId("watch-areas"));
  try {
    const { items } = await getJSON(`/api/areas/${level}`, { q: byId("watch-code").value.trim(), limit: 30 }, { signal: offering() });
    fill(byId("watch-areas"), items.map((/** @type {any} */ area) => h("option", { value: area.code, text: area.name })));
  } catch (error) {
    if (!isAbort(error)) complain(t("watches.code"), error);
  }
}

async function draw() {
  if (pen) { pen.clear(); return; }
  byId("draw-map").hidden = false;
  byId("draw-note").hidden = false;
  byId("draw-note").textContent = t("watches.drawHow");
  try {
    const { drawing } = await import("./draw.js");
    pen = await drawing(byId("draw-map"), (now) => {
      corners = now;
      byId("draw-note").textContent = t("watches.corners", { n: now.length });
    });
    byId("draw").textContent = t("watches.drawAgain");
    byId("draw-map").dataset.ready = "true";
  } catch (error) {
    complain(t("watches.draw"), error);
  }
}

/** @param {SubmitEvent} event */
async function follow(event) {
  event.preventDefault();
  const value = (/** @type {string} */ id) => byId(id).value.trim() || null;
  const hook = value("watch-hook");
  if (corners.length && corners.length < 3) return void say(t("watches.tooFew"), { kind: "error" });
  try {
    await send("POST", "/api/watches", {
      name: value("watch-name") ?? "", level: value("watch-level"), code: value("watch-code"), class: value("watch-class"),
      polygon: corners.length ? { type: "Polygon", coordinates: [[...corners, corners[0]]] } : null,
      crs: "wgs84", on_new: byId("watch-new").checked, on_change: byId("watch-change").checked, language: language(),
      webhook: hook && { kind: hook, url: value("watch-url") ?? "", secret: value("watch-secret") },
    });
    byId("new-watch").reset();
    byId("hook-fields").hidden = true;
    pen?.clear();
    corners = [];
    say(t("watches.followed"));
    await loadWatches();
  } catch (error) {
    complain(t("watches.follow"), error);
  }
}

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  app.district = await getJSON("/api/district");
  setTimezone(app.district.timezone);
  byId("illustrative").hidden = !app.district.illustrative;
  await Promise.all([loadNotices(), loadWatches(), drawForm()]);
  byId("new-watch").addEventListener("submit", follow);
  byId("more").addEventListener("click", () => void loadNotices(true).catch((error) => complain(t("watches.notices"), error)));
  byId("read-all").addEventListener("click", async () => {
    try {
      await send("POST", "/api/notices/read", { upto: notices[0]?.id ?? 0 });
      await loadNotices();
    } catch (error) {
      complain(t("watches.readAll"), error);
    }
  });
  setInterval(() => {
    // who has paged down is not thrown back to the top
    if (!document.hidden && notices.length <= PAGE) void loadNotices().catch(() => undefined);
  }, EVERY_MS);
  document.body.classList.add("ready");
}

start().catch((error) => complain(t("watches.title"), error, () => location.reload()));
