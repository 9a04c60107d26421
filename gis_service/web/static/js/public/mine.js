/** The codes of the reports made on this very phone. */

const KEY = "public.codes";
const KEPT = 20;

/** @returns {string[]} the latest first */
export function codes() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one === "string").slice(0, KEPT) : [];
  } catch {
    return [];
  }
}

/** @param {string} code */
export function keepCode(code) {
  try {
    localStorage.setItem(KEY, JSON.stringify([code, ...codes().filter((one) => one !== code)].slice(0, KEPT)));
  } catch { /* private browsing: the code stands on the page */ }
}
