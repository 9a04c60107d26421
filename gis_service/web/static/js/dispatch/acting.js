/** Sends actions: once however often a button is pressed, with the version that was read. */

import { ApiError, send } from "../api.js";
import { dateTime, t } from "../i18n.js";
import { apply } from "./desk.js";
import { word } from "./row.js";

/** @type {Set<string>} what is on its way */
const running = new Set();

/**
 * Does an action and shows its outcome in the list. Answers with the incident as it is then; null
 * where the same action is on its way already.
 * @param {{id: number, version: number}} item @param {string} action @param {Record<string, any>} fields
 * @returns {Promise<any>}
 */
export async function act(item, action, fields) {
  const key = `${item.id}/${action}`;
  if (running.has(key)) return null;
  running.add(key);
  try {
    const detail = await send("POST", `/api/incidents/${item.id}/${action}`, { version: item.version, ...fields });
    apply([detail]);
    return detail;
  } finally {
    running.delete(key);
  }
}

/** @param {number} id @param {string} action */
export const isRunning = (id, action) => running.has(`${id}/${action}`);

/** What to do about a refusal, in words. @param {any} error @returns {string} */
export function advice(error) {
  if (!(error instanceof ApiError)) return "";
  if (error.status === 409) return t(error.problem.changes ? "dispatch.advice.changed" : "dispatch.advice.conflict");
  const known = /** @type {Record<number, string>} */ ({
    0: "dispatch.advice.network", 400: "dispatch.advice.input", 401: "dispatch.advice.signIn", 403: "dispatch.advice.role",
    404: "dispatch.advice.gone", 413: "dispatch.advice.large", 429: "dispatch.advice.wait", 503: "dispatch.advice.wait",
  });
  return t(known[error.status] ?? "dispatch.advice.server");
}

/** One row of the log as a sentence: who did what when. @param {any} row @returns {string} */
export const told = (row) => t("dispatch.did", {
  who: word("actor", row.actor), what: word("action", row.action), when: dateTime(row.at),
});
