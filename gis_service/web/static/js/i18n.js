/** Strings, numbers and dates in the page's language. */

/** @type {Record<string, string>} */
let strings = {};
let lang = "zh";
let timezone = "Asia/Shanghai";
/** @type {Set<() => void>} */
const listeners = new Set();

/** @returns {"zh"|"en"} */
export const language = () => /** @type {"zh"|"en"} */ (lang);
/** Names one after the other, as the language lists them. @param {string[]} names */
export const listed = (names) => names.join(lang === "zh" ? "、" : ", ");
const locale = () => (lang === "zh" ? "zh-CN" : "en-GB");

/** @param {string} zone IANA name in which days begin and times are shown */
export function setTimezone(zone) {
  timezone = zone;
}

/**
 * Loads `next` ("zh" or "en"), rewrites the shell and tells whoever draws text by itself.
 * @param {string} next
 */
export async function setLanguage(next) {
  const answer = await fetch(`/static/strings/${next}.json`);
  if (!answer.ok) throw new Error(`strings/${next}.json: ${answer.status}`);
  strings = await answer.json();
  lang = next;
  document.documentElement.lang = next === "zh" ? "zh-CN" : "en";
  document.documentElement.dataset.lang = next;
  writeShell(document);
  for (const listener of listeners) listener();
}

/** @param {() => void} listener called after each change of language */
export const onLanguage = (listener) => void listeners.add(listener);

/** @param {ParentNode} root */
function writeShell(root) {
  for (const element of root.querySelectorAll("[data-i18n]")) {
    element.textContent = t(/** @type {HTMLElement} */ (element).dataset.i18n ?? "");
  }
  for (const [key, attributes] of Object.entries({
    i18nTitle: ["title", "aria-label"],
    i18nAria: ["aria-label"],
    i18nPlaceholder: ["placeholder"],
  })) {
    const name = `data-${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    for (const element of root.querySelectorAll(`[${name}]`)) {
      for (const attribute of attributes) {
        element.setAttribute(attribute, t(element.getAttribute(name) ?? ""));
      }
    }
  }
}

/**
 * The string `key` with `{names}` filled in. In English, `{n|one|many}` picks by the number n and
 * `{name|lower}` writes a name as within a sentence.
 * @param {string} key
 * @param {Record<string, string|number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = strings[key];
  if (text === undefined) {
    console.error(`no string ${key}`);
    return key;
  }
  return text.replace(/\{(\w+)(?:\|([^|}]*)(?:\|([^}]*))?)?\}/g, (whole, name, one, many) => {
    const value = values[name];
    if (value === undefined) return whole;
    if (many !== undefined) return Number(value) === 1 ? one : many;
    if (one === "lower") return String(value).toLowerCase();
    return typeof value === "number" ? number(value) : value;
  });
}

/** @param {string} key @returns {boolean} */
export const known = (key) => key in strings;

/**
 * Whichever of `{zh, en}` the page speaks.
 * @param {{zh: string, en: string}|null|undefined} both
 */
export const pick = (both) => (both ? both[language()] || both.zh || both.en : "");

/** @param {number} value @param {number} [digits] most decimals shown */
export const number = (value, digits = 0) =>
  new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);

/** Three figures at most after the leading one, as a legend wants it. @param {number} value */
export const figure = (value) =>
  new Intl.NumberFormat(locale(), { maximumSignificantDigits: 3 }).format(value);

/** @param {number} share 0–1 */
export const percent = (share) =>
  new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 1 }).format(share);

/** @param {number} metres */
export const distance = (metres) =>
  metres < 1000 ? `${number(metres, metres < 10 ? 1 : 0)} m` : `${number(metres / 1000, 1)} km`;

/** @param {number} squareMetres */
export const area = (squareMetres) =>
  squareMetres < 1e5 ? `${number(squareMetres)} m²` : `${number(squareMetres / 1e6, 2)} km²`;

/** @param {string|Date} when @param {Intl.DateTimeFormatOptions} options */
function format(when, options) {
  return new Intl.DateTimeFormat(locale(), { timeZone: timezone, ...options }).format(new Date(when));
}

/** @param {string|Date} when an instant @returns {string} day and minute in the district's zone */
export const dateTime = (when) => format(when, { dateStyle: "medium", timeStyle: "short" });

/** @param {string|Date} when an instant */
export const date = (when) => format(when, { dateStyle: "medium" });

/** @param {string|Date} when an instant */
export const monthDay = (when) => format(when, { month: "short", day: "numeric" });

/** @param {string|Date} when an instant */
export const monthDayHour = (when) =>
  format(when, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });

/** @param {string|Date} when an instant @returns {string} its day YYYY-MM-DD in the district's zone */
export function isoDay(when) {
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone: timezone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  }).formatToParts(new Date(when));
  const get = (/** @type {string} */ type) => parts.find((part) => part.type === type)?.value;
  return `${get("year")}-${get("month")}-${get("day")}`;
}

/** @param {string} day YYYY-MM-DD @param {number} days @returns {string} */
export function addDays(day, days) {
  const moved = new Date(`${day}T00:00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + days);
  return moved.toISOString().slice(0, 10);
}

/** @param {string} from @param {string} to days YYYY-MM-DD @returns {number} days between */
export const daysBetween = (from, to) =>
  Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86400000);

/** @param {string} day YYYY-MM-DD, shown without a zone's shift */
export const showDay = (day) =>
  new Intl.DateTimeFormat(locale(), { timeZone: "UTC", dateStyle: "medium" }).format(
    new Date(`${day}T00:00:00Z`),
  );
