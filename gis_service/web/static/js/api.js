/** Talking to the service: JSON in, problems out, the same filters everywhere. */

import { language, t } from "./i18n.js";

/** What went wrong with a request, in the user's language. */
export class ApiError extends Error {
  /**
   * @param {number} status 0: the service was not reached
   * @param {string} message
   * @param {string} [where]
   * @param {any} [problem] the problem details as they came
   */
  constructor(status, message, where = "", problem = {}) {
    super(message);
    this.status = status;
    this.where = where;
    this.problem = problem;
  }
}

/**
 * @typedef {Record<string, string|number|boolean|string[]|null|undefined>} Query
 */

/**
 * `path?query`; empty values are left out, lists repeat their name.
 * @param {string} path
 * @param {Query} [query]
 */
export function address(path, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) for (const item of value) search.append(name, item);
    else if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

/**
 * The JSON at `path`. Throws ApiError, or AbortError when `signal` ended it.
 * @param {string} path
 * @param {Query} [query]
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<any>}
 */
export const getJSON = (path, query = {}, { signal } = {}) => ask(address(path, query), { signal });

/**
 * Sends `body` (JSON, or a form with files) and answers with the JSON that comes back. Throws like
 * getJSON.
 * @param {string} method
 * @param {string} path
 * @param {any} [body]
 * @param {{signal?: AbortSignal, headers?: Record<string, string>}} [options]
 * @returns {Promise<any>}
 */
export const send = (method, path, body, { signal, headers = {} } = {}) => ask(path, {
  method,
  signal,
  headers: body === undefined || body instanceof FormData ? headers : { "Content-Type": "application/json", ...headers },
  body: body === undefined || body instanceof FormData ? body : JSON.stringify(body),
});

/** @param {string} path @param {RequestInit} options @returns {Promise<any>} */
async function ask(path, options) {
  const answer = await answerTo(path, {
    priority: "high", // before the tiles that wait for the same few connections
    ...options,
    headers: { Accept: "application/json", ...options.headers },
  });
  if (answer.status === 204) return null;
  try {
    return await answer.json();
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(answer.status, t("error.garbled"));
  }
}

/**
 * What the service answers, of whatever kind. Throws like getJSON.
 * @param {string} path @param {RequestInit} options @returns {Promise<Response>}
 */
export async function answerTo(path, options) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { "Accept-Language": language(), ...options.headers } });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(0, t("error.network"));
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new ApiError(
    answer.status,
    problem.detail || problem.title || t("error.status", { status: String(answer.status) }),
    problem.where ?? "",
    problem,
  );
}

/** @param {unknown} error @returns {boolean} whether a later request made this one needless */
export const isAbort = (error) => error instanceof DOMException && error.name === "AbortError";

/**
 * Gives one signal after the other; each ends the request that had the one before.
 * @returns {() => AbortSignal}
 */
export function latest() {
  let controller = new AbortController();
  return () => {
    controller.abort();
    controller = new AbortController();
    return controller.signal;
  };
}

/**
 * The query of the common filters, `to` half-open.
 * @param {import("./state.js").Filters} filters
 * @param {string[]} [accepted] names the layer takes; all when missing
 * @returns {Query}
 */
export function filterQuery(filters, accepted) {
  /** @type {Query} */
  const query = {
    from: filters.from,
    to: filters.to,
    class: filters.class,
    state: filters.state,
    street: filters.street,
    community: filters.community,
    grid: filters.grid,
  };
  if (accepted) {
    for (const name of Object.keys(query)) if (!accepted.includes(name)) delete query[name];
  }
  return query;
}
