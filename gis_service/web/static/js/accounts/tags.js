import { h } from "../dom.js";
import { dateTime, t } from "../i18n.js";

/** What state an account is in, as marks. @param {import("./people.js").Account} account */
export const tags = (account) => h("div", { class: "tags" },
  account.active ? h("span", { class: "tag good", text: t("accounts.is.on") }) : h("span", { class: "tag bad", text: t("accounts.is.off") }),
  account.locked_until && h("span", { class: "tag bad", text: t("accounts.is.locked", { when: dateTime(account.locked_until) }) }),
  account.oidc && h("span", { class: "tag", text: t("accounts.is.single") }),
  !account.password && h("span", { class: "tag", text: t("accounts.is.noPassword") }),
  account.totp && h("span", { class: "tag good", text: t("accounts.is.factor") }));
