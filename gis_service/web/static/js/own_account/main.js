/** One's own account: who one is, password, second factor, tokens for programs, one's phone. */

import { may, signOut } from "../account.js";
import { getJSON } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { language, pick, setLanguage, setTimezone, t } from "../i18n.js";
import { complain, notice } from "../messages.js";
import { drawFactor } from "./factor.js";
import { drawPassword } from "./password.js";
import { drawPhones } from "./phones.js";
import { drawTokens } from "./tokens.js";

/**
 * @typedef {{id: number, name: string, display_name: string, role: string, role_name: {zh: string, en: string},
 *   scopes: {level: string, code: string}[], permissions: string[], password: boolean, totp: boolean}} Me
 */

/** Where the names of a scope's level stand. @type {Record<string, (code: string) => Promise<any>>} */
const NAMES = {
  street: (code) => getJSON(`/api/areas/street/${encodeURIComponent(code)}`),
  community: (code) => getJSON(`/api/areas/community/${encodeURIComponent(code)}`),
  unit: (code) => among("/api/units", code),
  squad: (code) => among("/api/squads", code),
};

/** @param {string} path @param {string} code */
const among = async (path, code) => (await getJSON(path)).items.find((/** @type {any} */ one) => one.code === code);

/** @param {{level: string, code: string}} scope */
async function scopeWords({ level, code }) {
  // a scope may name what is not there yet: then its code has to do
  const found = await NAMES[level]?.(code).catch(() => null);
  const name = found && ((language() === "en" && found.name_en) || found.name);
  const words = t(`own.level.${level}`);
  return name ? t("own.scope", { level: words, name, code }) : t("own.scopeUnnamed", { level: words, code });
}

/** @param {Me} me */
async function drawWho(me) {
  const scopes = await Promise.all(me.scopes.map(scopeWords));
  const row = (/** @type {string} */ words, /** @type {any} */ value) => h("div", {}, h("dt", { text: words }), h("dd", {}, value));
  fill(byId("who"),
    h("h2", { id: "who-title", text: t("own.who") }),
    h("dl", { class: "facts" },
      row(t("own.name"), me.name),
      row(t("own.displayName"), me.display_name),
      row(t("own.role"), pick(me.role_name)),
      row(t("own.scopes"), scopes.length ? h("ul", {}, scopes.map((text) => h("li", { text }))) : t("own.everywhere"))),
    h("p", { class: "note", text: t("own.whoNote") }),
    h("button", { type: "button", class: "button", id: "sign-out", text: t("account.signOut"), on: { click: () => signOut("/login") } }));
}

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  const [district, me] = await Promise.all([getJSON("/api/district"), getJSON("/api/session")]);
  setTimezone(district.timezone);
  byId("district").textContent = pick(district.title);
  byId("illustrative").hidden = !district.illustrative;
  drawPassword(me);
  drawFactor(me);
  await Promise.all([drawWho(me), drawTokens(me), may("device.manage") && drawPhones(me)]);
  document.body.classList.add("ready");
}

start().catch((error) => {
  console.warn(error);
  if (error.status === 401) complain("", error);
  else notice(t("own.title"), h("p", { text: error.message }), h("p", { text: t("error.startHint") }),
    h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => location.reload() } }));
});
