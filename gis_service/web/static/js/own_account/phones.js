/** One's own phone: an app on it sends where one patrols. */

import { getJSON, send } from "../api.js";
import { byId, fill, h, icon } from "../dom.js";
import { t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { copied, field, form, lead, leaveButton } from "./forms.js";

/**
 * @typedef {{id: number, officer: string, label: string, kind: string, active: boolean, keep_off_duty: boolean}} Phone
 * @typedef {Phone & {token: string, setup: {address: string, link: string, picture: string}}} NewPhone
 */

const KINDS = ["owntracks", "osmand"];

/** @param {import("./main.js").Me} me */
export async function drawPhones(me) {
  const title = h("h2", { id: "phones-title", text: t("own.phones") });
  // all others manage the phones of officers, where those are listed
  if (me.role !== "officer") {
    return fill(byId("phones"), title, h("p", {}, t("own.phonesOfOthers"), " ", h("a", { href: "/duty#devices", text: t("own.phonesDuty") })));
  }
  fill(byId("phones"), title,
    h("p", { class: "note", text: t("own.phonesNote") }),
    h("div", { id: "phone-once", class: "own-once", tabIndex: -1, hidden: true }),
    h("ul", { id: "phone-list", class: "own-list" }),
    h("div", { id: "phone-new" }));
  offer();
  await list();
}

async function list() {
  /** @type {{items: Phone[]}} */
  const { items } = await getJSON("/api/devices");
  // files that were handed in have a source of their own, which is no phone
  const phones = items.filter(({ active, kind }) => active && KINDS.includes(kind));
  fill(byId("phone-list"), phones.length ? phones.map(row) : h("li", { class: "note", text: t("own.phonesNone") }));
}

/** @param {Phone} phone */
const row = (phone) => h("li", { data: { phone: String(phone.id) } },
  h("div", {},
    h("b", { text: phone.label }),
    h("small", { text: [t(`own.kind.${phone.kind}`), t(phone.keep_off_duty ? "own.keeps" : "own.keepsNot")].join(" · ") })),
  h("button", { type: "button", class: "button", text: t("own.phoneOff"), "aria-label": t("own.phoneOffWhat", { label: phone.label }), on: { click: () => void switchOff(phone) } }));

function offer() {
  fill(byId("phone-new"), h("button", {
    type: "button", class: "button", id: "phone-add", on: { click: open },
  }, icon("plus"), t("own.phoneNew")));
}

function open() {
  const close = () => { offer(); byId("phone-add").focus(); };
  const made = form([
    h("fieldset", { class: "own-ways" }, h("legend", { text: t("own.phoneApp") }),
      KINDS.map((kind, at) => h("label", {}, h("input", { type: "radio", name: "kind", value: kind, checked: at === 0 }), h("span", { text: t(`own.kind.${kind}`) })))),
    field("label", t("own.phoneLabel"), { required: true, maxlength: "100", value: t("own.phoneUsual") }),
    h("div", { class: "own-ways" },
      h("label", {}, h("input", { type: "checkbox", name: "keep", "aria-describedby": "own-keep" }), h("span", { text: t("own.keep") })),
      h("p", { class: "note", id: "own-keep", text: t("own.keepNote") })),
  ], t("own.phoneMake"), async (given) => {
    let phone;
    try {
      phone = await send("POST", "/api/devices", { kind: given.kind, label: given.label.trim(), keep_off_duty: "keep" in given });
    } catch (error) {
      if (/** @type {any} */ (error).where === "officer") throw new Error(t("own.noOfficer"));
      throw error;
    }
    show(phone);
    offer();
    await list();
  }, { also: leaveButton(t("own.leave"), close) });
  fill(byId("phone-new"), h("h3", { text: t("own.phoneNew") }), made);
  /** @type {HTMLElement|null} */ (made.querySelector("[name=label]"))?.focus();
}

/** @param {NewPhone} phone with its token, which is told this once */
function show({ label, kind, officer, token, setup }) {
  const box = byId("phone-once");
  const values = kind === "owntracks"
    ? [h("p", { class: "own-value" }, h("span", { class: "note", text: t("own.phoneMode") }), h("code", { text: "HTTP" })),
      copied(t("own.phoneAddress"), setup.address, "address"), copied(t("own.phoneUser"), officer, "user"), copied(t("own.phonePassword"), token, "token")]
    : [copied(t("own.phoneAddress"), setup.address, "address"), copied(t("own.phoneIdentifier"), token, "token")];
  fill(box,
    h("h3", { text: t("own.phoneMade", { label }) }),
    h("p", { class: "own-warn", text: t("own.once") }),
    h("ol", { class: "own-steps" },
      h("li", {}, h("p", { text: t(`own.install.${kind}`) })),
      h("li", {}, h("p", { text: t(`own.scan.${kind}`) }),
        kind === "owntracks" && h("a", { class: "button", id: "phone-link", href: setup.link, text: t("own.phoneHere") }),
        h("img", { class: "own-code", id: "phone-picture", src: setup.picture, alt: t("own.phonePicture") }),
        h("details", { class: "fold" }, h("summary", { text: t("own.phoneByHand") }), values)),
      h("li", {}, h("p", { text: t("own.phoneThen") }))),
    leaveButton(t("own.kept"), () => { fill(box); box.hidden = true; byId("phone-add").focus(); }));
  box.hidden = false;
  lead(box);
}

/** @param {Phone} phone */
async function switchOff(phone) {
  if (!confirm(t("own.phoneOffSure", { label: phone.label }))) return;
  try {
    await send("DELETE", `/api/devices/${phone.id}`);
    say(t("own.phoneIsOff", { label: phone.label }));
  } catch (error) {
    complain(t("own.phoneOff"), error);
  }
  await list().catch((error) => complain(t("own.phones"), error));
  lead(byId("phones"));
}
