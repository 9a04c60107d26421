/** Reports on their way: kept on the phone until the service has confirmed them, sent once. */

import { openDB } from "../../vendor/idb/index.js";
import { ApiError, send } from "../api.js";

/**
 * @typedef {{file: File, id: number|null}} Photo `id` once it is with the service
 * @typedef {{key: string, made_at: string, state: "draft"|"waiting"|"refused", body: any, photos: Photo[],
 *   fixed: Photo[], why?: string, what: string, where: string}} Draft
 */

const STORE = "reports";
const EVERY = 20_000; // ms between tries
const opened = openDB("field", 1, { upgrade: (db) => void db.createObjectStore(STORE, { keyPath: "key" }) });
/** @type {Set<() => void>} */
const listeners = new Set();
/** @type {((code: string, draft: Draft) => void)} */
let arrived = () => {};
let busy = false;

const tell = () => { for (const listener of listeners) listener(); };

/** @param {() => void} listener called after each change */
export const onOutbox = (listener) => void listeners.add(listener);

/** @returns {Promise<Draft[]>} oldest first */
export async function drafts() {
  const all = await (await opened).getAll(STORE);
  return all.sort((a, b) => a.made_at.localeCompare(b.made_at));
}

/** @param {string} key @returns {Promise<Draft|undefined>} */
export const draftOf = async (key) => (await opened).get(STORE, key);

/** @param {Draft} draft */
export async function keep(draft) {
  await (await opened).put(STORE, draft);
  tell();
}

/** @param {string} key */
export async function drop(key) {
  await (await opened).delete(STORE, key);
  tell();
}

/** @param {(code: string, draft: Draft) => void} hear what arrived */
export function startOutbox(hear) {
  arrived = hear;
  window.addEventListener("online", () => void flush());
  document.addEventListener("visibilitychange", () => { if (!document.hidden) void flush(); });
  window.setInterval(() => void flush(), EVERY);
  void flush();
}

/** Sends what waits. Two open pages take turns; the service takes the same report once anyway. */
export async function flush() {
  if (busy) return;
  busy = true;
  try {
    const work = async () => { for (const draft of await drafts()) if (draft.state === "waiting" && !(await sendOne(draft))) break; };
    await (navigator.locks ? navigator.locks.request("field-outbox", { ifAvailable: true }, (lock) => (lock ? work() : undefined)) : work());
  } finally {
    busy = false;
  }
}

/** @param {Draft} draft @returns {Promise<boolean>} false: the network is away, so wait */
async function sendOne(draft) {
  try {
    for (const photo of [...draft.photos, ...draft.fixed]) {
      if (photo.id !== null) continue;
      const form = new FormData();
      form.append("photo", photo.file);
      photo.id = (await send("POST", "/api/attachments", form)).id;
      await keep(draft); // a photo that is there need not be sent again
    }
    const body = { ...draft.body, photos: draft.photos.map((photo) => photo.id) };
    if (body.quick) body.quick = { ...body.quick, photos: draft.fixed.map((photo) => photo.id) };
    const made = await send("POST", "/api/incidents", body, { headers: { "Idempotency-Key": draft.key } });
    await drop(draft.key);
    arrived(made.code, draft);
    return true;
  } catch (error) {
    const status = error instanceof ApiError ? error.status : -1;
    const later = status === 0 || status === 401 || status === 429 || status >= 500;
    await keep({ ...draft, state: later ? "waiting" : "refused", why: /** @type {Error} */ (error).message });
    return !later;
  }
}
