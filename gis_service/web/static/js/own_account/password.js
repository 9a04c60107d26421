/** A new password for oneself. */

import { send } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { say } from "../messages.js";
import { field, form, tell } from "./forms.js";

/** @param {import("./main.js").Me} me */
export function drawPassword(me) {
  const title = h("h2", { id: "password-title", text: t("own.password") });
  if (!me.password) return fill(byId("password"), title, h("p", { text: t("own.noPassword") }));
  const secret = (/** @type {string} */ name, /** @type {string} */ words, /** @type {string} */ kind) =>
    field(name, words, { type: "password", required: true, autocomplete: kind, maxlength: "200" });
  fill(byId("password"), title,
    h("p", { class: "note", text: t("own.passwordNote") }),
    form([
      // a password keeper wants to know whose password it is
      h("input", { class: "visually-hidden", name: "username", autocomplete: "username", value: me.name, readOnly: true, tabIndex: -1, "aria-hidden": "true" }),
      secret("old", t("own.old"), "current-password"),
      secret("new", t("own.new"), "new-password"),
      secret("again", t("own.again"), "new-password"),
    ], t("own.passwordChange"), async (given, made) => {
      if (given.new !== given.again) return void tell(made, "again", t("own.notTheSame"));
      await send("POST", "/api/session/password", { old: given.old, new: given.new });
      made.reset();
      say(t("own.passwordChanged"), { seconds: 8 });
    }, { aliases: { password: "new" } }));
}
