/** Tokens with which programs sign in as oneself. */

import { getJSON, send } from "../api.js";
import { startOfDay } from "../dispatch/clock.js";
import { byId, fill, h, icon } from "../dom.js";
import { addDays, date, dateTime, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { copied, field, form, lead, leaveButton } from "./forms.js";
import { choice, chosen, told } from "./permissions.js";

/** @typedef {{id: number, label: string, permissions: string[]|null, created_at: string, expires_at: string|null, token?: string}} Token */

/** @param {import("./main.js").Me} me */
export async function drawTokens(me) {
  fill(byId("tokens"),
    h("h2", { id: "tokens-title", text: t("own.tokens") }),
    h("p", { class: "note" }, t("own.tokensNote"), " ", h("a", { href: "/exports", text: t("own.tokensHow") })),
    h("div", { id: "token-once", class: "own-once", tabIndex: -1, hidden: true }),
    h("ul", { id: "token-list", class: "own-list" }),
    h("div", { id: "token-new" }));
  offer(me);
  await list();
}

async function list() {
  /** @type {{items: Token[]}} */
  const { items } = await getJSON("/api/tokens");
  fill(byId("token-list"), items.length ? items.map(row) : h("li", { class: "note", text: t("own.tokensNone") }));
}

/** @param {Token} token */
const row = (token) => h("li", { data: { token: String(token.id) } },
  h("div", {},
    h("b", { text: token.label || t("own.unnamed") }),
    h("small", { text: [t("own.made", { when: date(token.created_at) }), token.expires_at ? t("own.ends", { when: dateTime(token.expires_at) }) : t("own.endsNever")].join(" · ") }),
    told(token.permissions)),
  h("button", { type: "button", class: "button", text: t("own.revoke"), "aria-label": t("own.revokeWhat", { label: token.label }), on: { click: () => void revoke(token) } }));

/** @param {string} day YYYY-MM-DD, which the token still works on */
const lastMoment = (day) => new Date(startOfDay(addDays(day, 1)) - 1000).toISOString();

/** The button that opens the form. @param {import("./main.js").Me} me */
function offer(me) {
  fill(byId("token-new"), h("button", {
    type: "button", class: "button", id: "token-add", on: { click: () => open(me) },
  }, icon("plus"), t("own.tokenNew")));
}

/** @param {import("./main.js").Me} me */
function open(me) {
  const close = () => { offer(me); byId("token-add").focus(); };
  const made = form([
    field("label", t("own.tokenLabel"), { required: true, maxlength: "100" }, t("own.tokenLabelHint")),
    field("ends", t("own.tokenEnds"), { type: "date" }, t("own.tokenEndsHint")),
    choice(me.permissions),
  ], t("own.tokenMake"), async (given) => {
    const permissions = chosen(given, me.permissions);
    if (permissions?.length === 0) throw new Error(t("own.tokenNothing"));
    show(await send("POST", "/api/tokens", {
      label: given.label.trim(), permissions, expires_at: given.ends ? lastMoment(given.ends) : null,
    }));
    offer(me);
    await list();
  }, { aliases: { expires_at: "ends" }, also: leaveButton(t("own.leave"), close) });
  fill(byId("token-new"), h("h3", { text: t("own.tokenNew") }), made);
  made.querySelector("input")?.focus();
}

/** @param {Token} token with its text, which is told this once */
function show(token) {
  const box = byId("token-once");
  fill(box,
    h("h3", { text: t("own.tokenMade", { label: token.label }) }),
    h("p", { class: "own-warn", text: t("own.once") }),
    copied(t("own.token"), token.token ?? "", "token"),
    h("p", { class: "note", text: t("own.tokenUse") }),
    leaveButton(t("own.kept"), () => { fill(box); box.hidden = true; byId("token-add").focus(); }));
  box.hidden = false;
  lead(box);
}

/** @param {Token} token */
async function revoke(token) {
  if (!confirm(t("own.revokeSure", { label: token.label }))) return;
  try {
    await send("DELETE", `/api/tokens/${token.id}`);
    say(t("own.revoked", { label: token.label }));
  } catch (error) {
    complain(t("own.revoke"), error);
  }
  await list().catch((error) => complain(t("own.tokens"), error));
  lead(byId("tokens"));
}
