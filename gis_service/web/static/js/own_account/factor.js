/** The second factor: a code from an authenticator beside the password. */

import { send } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { say } from "../messages.js";
import { copied, field, form, lead, leaveButton } from "./forms.js";

const PATH = "/api/session/totp";

/** @param {import("./main.js").Me} me */
export function drawFactor(me) {
  draw(me.totp
    ? [h("p", {}, h("b", { class: "own-state on", text: t("own.factorOn") })), h("p", { class: "note", text: t("own.factorLost") }), me.password ? offForm(me) : elsewhere()]
    : [h("p", {}, h("b", { class: "own-state", text: t("own.factorOff") })), h("p", { class: "note", text: t("own.factorWhy") }),
      me.password ? askForm(me) : elsewhere()]);
}

/** Both ways begin with the password. */
const elsewhere = () => h("p", { text: t("own.factorElsewhere") });

/** @param {any[]} children */
function draw(children) {
  fill(byId("factor"), h("h2", { id: "factor-title", text: t("own.factor") }), children);
}

/** @param {string} hint */
const passwordField = (hint) => field("password", t("own.passwordNow"), { type: "password", required: true, autocomplete: "current-password", maxlength: "200" }, hint);

/** @param {import("./main.js").Me} me @param {boolean} now */
function done(me, now) {
  me.totp = now;
  drawFactor(me);
  lead(byId("factor"));
  say(t(now ? "own.factorSwitchedOn" : "own.factorSwitchedOff"));
}

/** @param {import("./main.js").Me} me */
const askForm = (me) => form([passwordField(t("own.factorAskHint"))], t("own.factorBegin"), async ({ password }) => {
  const proposed = await send("POST", PATH, { password });
  drawProposed(me, password, proposed);
});

/**
 * @param {import("./main.js").Me} me
 * @param {string} password kept in the page only until the code is there
 * @param {{secret: string, picture: string}} proposed
 */
function drawProposed(me, password, { secret, picture }) {
  const code = field("code", t("own.code"), { required: true, inputmode: "numeric", autocomplete: "one-time-code", maxlength: "20" }, t("own.codeHint"));
  draw([
    h("ol", { class: "own-steps" },
      h("li", {}, h("p", { text: t("own.factorScan") }),
        h("img", { class: "own-code", id: "factor-picture", src: picture, alt: t("own.factorPicture") }),
        copied(t("own.factorSecret"), secret, "secret")),
      h("li", {}, h("p", { text: t("own.factorType") }),
        form([code], t("own.factorConfirm"), async (given) => {
          await send("POST", PATH, { password, secret, code: given.code.replace(/\s/g, "") });
          done(me, true);
        }, { also: leaveButton(t("own.leave"), () => { drawFactor(me); lead(byId("factor")); }) }))),
  ]);
  lead(byId("factor"));
}

/** @param {import("./main.js").Me} me */
const offForm = (me) => form([passwordField("")], t("own.factorEnd"), async ({ password }) => {
  if (!confirm(t("own.factorEndSure"))) return;
  await send("POST", PATH, { password, off: true });
  done(me, false);
});
