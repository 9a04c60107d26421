/** What a token may do, in words and as a choice. */

import { h } from "../dom.js";
import { known, listed, t } from "../i18n.js";

/** Reading these is more than looking on: names of persons, and who did what. */
const NOT_PLAIN = ["personal.read", "audit.read", "system.read"];

/** @param {string[]} permissions @returns {string[]} those that only look on */
const plain = (permissions) => permissions.filter((one) => one.endsWith(".read") && !NOT_PLAIN.includes(one));

/** @param {string} permission as the service names it, `subject.verb` */
function verbWords(permission) {
  const [subject, verb] = permission.split(".");
  if (!verb) return "";
  const key = subject === "incident" && known(`action.${verb}`) ? `action.${verb}` : `own.verb.${verb}`;
  return known(key) ? t(key) : verb;
}

/** @param {string} subject */
const subjectWords = (subject) => (known(`own.subject.${subject}`) ? t(`own.subject.${subject}`) : subject);

/** @param {string[]} permissions @returns {[string, string[]][]} the permissions of each subject */
function bySubject(permissions) {
  /** @type {Map<string, string[]>} */
  const subjects = new Map();
  for (const one of permissions) {
    const [subject] = one.split(".");
    const others = subjects.get(subject) ?? [];
    // looking on comes first: all else builds on it
    subjects.set(subject, one.endsWith(".read") ? [one, ...others] : [...others, one]);
  }
  return [...subjects];
}

/** What a token of the list may do. @param {string[]|null} permissions */
export function told(permissions) {
  if (permissions === null) return h("small", { text: t("own.mayAll") });
  return h("details", { class: "fold" },
    h("summary", { text: t("own.maySome", { n: permissions.length }) }),
    h("ul", {}, bySubject(permissions).map(([subject, own]) => h("li", {},
      h("b", { text: subjectWords(subject) }), " ", h("span", { text: listed(own.map(verbWords).filter(Boolean)) })))));
}

/**
 * The choice among one's own permissions: all, looking on only, or some.
 * @param {string[]} own
 */
export function choice(own) {
  const way = (/** @type {string} */ value, /** @type {string} */ words, checked = false) =>
    h("label", {}, h("input", { type: "radio", name: "way", value, checked }), h("span", { text: words }));
  const some = h("div", { class: "own-permissions", hidden: true }, bySubject(own).map(([subject, ones]) => h("fieldset", {},
    h("legend", { text: subjectWords(subject) }),
    ones.map((one) => h("label", { title: one },
      h("input", { type: "checkbox", name: `may-${one}`, value: one }), h("span", { text: verbWords(one) || t("own.verb.use") }))))));
  return h("fieldset", {
    class: "own-ways", data: { field: "permissions" },
    on: { change: (/** @type {any} */ event) => { if (event.target.name === "way") some.hidden = event.target.value !== "some"; } },
  },
  h("legend", { text: t("own.may") }),
  way("read", t("own.way.read"), true), way("all", t("own.way.all")), way("some", t("own.way.some")), some);
}

/**
 * What was chosen; null for everything the account may.
 * @param {Record<string, string>} given @param {string[]} own
 * @returns {string[]|null}
 */
export function chosen(given, own) {
  if (given.way === "all") return null;
  return given.way === "read" ? plain(own) : own.filter((one) => `may-${one}` in given);
}
