/** A new account. */

import { send } from "../api.js";
import { byId, h } from "../dom.js";
import { t } from "../i18n.js";
import { say } from "../messages.js";
import { field, form, leaveButton, tell } from "../own_account/forms.js";
import { drawDialog, everywhereMeant, leave, openDialog, roleField, setTyped } from "./dialog.js";
import { keep, ROLES } from "./people.js";
import { placeChoice } from "./places.js";
import { handOver, secretField } from "./secret.js";

/** @param {() => void} changed draws the list anew */
export function openNew(changed) {
  const places = placeChoice([], "street", () => setTyped(true));
  const secret = secretField(t("accounts.password"));
  const way = (/** @type {string} */ value, checked = false) => h("label", {},
    h("input", { type: "radio", name: "way", value, checked, on: { change: () => withPassword(value === "password") } }), h("span", { text: t(`accounts.way.${value}`) }));
  /** @param {boolean} on */
  function withPassword(on) {
    secret.hidden = !on;
    secret.querySelector("input").required = on;
  }
  const made = form([
    field("name", t("accounts.name"), { required: true, maxlength: "50", autocapitalize: "off", spellcheck: "false" }, t("accounts.nameHint")),
    field("display_name", t("accounts.displayName"), { maxlength: "100" }, t("accounts.displayNameHint")),
    roleField("", (role) => places.lead(ROLES[role])),
    places.element,
    h("fieldset", { class: "own-ways" }, h("legend", { text: t("accounts.signsIn") }), way("password", true), way("single")),
    secret,
  ], t("accounts.make"), async (given, self) => {
    if (!given.role) return void tell(self, "role", t("accounts.chooseRole"));
    if (!everywhereMeant(given.role, places.read())) return byId("places-search").focus();
    const password = given.way === "password" ? given.password : null;
    let account;
    try {
      account = await send("POST", "/api/accounts", {
        name: given.name.trim(), display_name: given.display_name.trim() || null, role: given.role, scopes: places.read(), password,
      });
    } catch (error) {
      const { status, message } = /** @type {any} */ (error);
      // the name is taken
      if (status === 409) return void tell(self, "name", message);
      throw error;
    }
    keep(account);
    changed();
    setTyped(false);
    if (password === null) {
      say(t("accounts.made", { name: account.name }));
      return byId("dialog").close();
    }
    drawDialog(t("accounts.madeTitle", { name: account.display_name }), [
      handOver(account.name, password),
      h("div", { class: "form-foot" }, h("button", { type: "button", class: "button primary", text: t("accounts.handedOver"), on: { click: leave } })),
    ]);
    byId("dialog-title").focus();
  }, { also: leaveButton(t("accounts.cancel"), leave) });
  openDialog(t("accounts.new"), [made]);
}
