/**
 * The stream of changes. The browser comes back by itself with the number of the last change it
 * has; where it gives up, or the line went dead unnoticed, a new stream asks for what came after.
 */

import { address, ApiError, getJSON } from "./api.js";
import { fill, h } from "./dom.js";
import { language, t } from "./i18n.js";

const QUIET = 120_000; // ms without a word after which the stream is opened anew
/** @type {EventSource|null} */
let source = null;
/** @type {string|null} number of the last change heard of */
let last = null;
let heard = 0;
let wait = 1000;
let waiting = 0;

/**
 * @typedef {"live"|"waiting"|"signed-out"} Connection
 * @typedef {{hello: () => void, incidents: (items: import("./dispatch/query.js").Incident[], gone: number[]) => void,
 *   coverage?: () => void, reload: () => void, connection: (state: Connection) => void}} Hearer
 * `hello` is told once, when the first stream is in step: what is read from then on misses nothing;
 * `coverage` says that patrols or promises changed
 */

/**
 * @param {Hearer} hearer
 * @param {{after?: number|null, onlySeen?: boolean}} [how] `after`: number of the last change that
 *   the page shows already; `onlySeen`: the stream rests while nobody sees the page, for a browser
 *   keeps no more than six connections to a server, in all tabs together
 */
export function startLive(hearer, { after = null, onlySeen = false } = {}) {
  let greeted = false;
  last = after === null ? null : String(after);
  const connect = () => {
    clearTimeout(waiting);
    source?.close();
    if (onlySeen && document.hidden) return;
    const stream = new EventSource(address("/events", { lang: language(), after: last }));
    source = stream;
    const hear = (/** @type {string} */ name, /** @type {(data: any) => void} */ work) =>
      stream.addEventListener(name, (event) => {
        if (stream !== source) return;
        heard = Date.now();
        work(JSON.parse(/** @type {MessageEvent} */ (event).data));
        last = /** @type {MessageEvent} */ (event).lastEventId || last;
      });
    hear("incidents", ({ items, gone }) => hearer.incidents(items, gone));
    hear("coverage", () => hearer.coverage?.());
    hear("reload", () => hearer.reload());
    hear("hello", () => {
      wait = 1000;
      hearer.connection("live");
      if (!greeted) {
        greeted = true;
        hearer.hello();
      }
    });
    stream.onerror = () => {
      if (stream !== source) return;
      hearer.connection("waiting");
      if (stream.readyState === EventSource.CLOSED) again();
    };
  };
  /** After an answer that is no stream the browser does not try again. */
  const again = () => {
    clearTimeout(waiting);
    waiting = window.setTimeout(async () => {
      wait = Math.min(wait * 2, 15_000);
      try {
        await getJSON("/api/session");
        connect();
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) hearer.connection("signed-out");
        else again();
      }
    }, wait);
  };
  window.addEventListener("offline", () => {
    source?.close();
    hearer.connection("waiting");
  });
  window.addEventListener("online", connect);
  if (onlySeen) document.addEventListener("visibilitychange", connect);
  window.setInterval(() => {
    if (source?.readyState === EventSource.OPEN && Date.now() - heard > QUIET) {
      heard = Date.now();
      connect();
    }
  }, 10_000);
  connect();
}

/** Says in `box` whether changes arrive. @param {HTMLElement} box @param {Connection} state */
export function drawConnection(box, state) {
  box.dataset.state = state;
  box.title = t(`live.${state}Hint`);
  fill(box, h("span", { class: "dot", "aria-hidden": "true" }), h("span", { text: t(`live.${state}`) }));
}
