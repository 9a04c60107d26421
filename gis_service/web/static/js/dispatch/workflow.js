/**
 * What can be done with an incident, as one table: the fields each action takes and which it needs.
 * A test holds it to the service's own (`incidents/workflow.py`). Which actions are allowed now the
 * service says with each incident.
 */

/**
 * @typedef {"reason"|"note"|"photos"|"class"|"condition"|"unit"|"squad"|"units"|"into"|
 *   "case_number"|"extension"|"place"} FieldKind
 * @typedef {{needs: FieldKind[], takes: FieldKind[], key?: string, at_once?: boolean,
 *   weighty?: boolean}} ActionRow
 *   `at_once`: done by one press unless there is something to choose; `weighty`: ends the incident
 */

/** @type {Record<string, ActionRow>} */
export const ACTIONS = {
  verify: { needs: [], takes: ["note"], key: "v", at_once: true },
  file: { needs: [], takes: ["condition", "note"], key: "f", at_once: true },
  dispatch: { needs: [], takes: ["unit", "squad", "note"], key: "d" },
  accept: { needs: [], takes: ["note"], at_once: true },
  start: { needs: [], takes: ["note"], at_once: true },
  resolve: { needs: [], takes: ["note", "photos"] },
  check: { needs: [], takes: ["note", "photos"] },
  close: { needs: [], takes: ["note"], at_once: true },
  resume: { needs: [], takes: ["note"], at_once: true },
  decline: { needs: ["reason"], takes: [], weighty: true },
  return: { needs: ["reason"], takes: [] },
  rework: { needs: ["reason"], takes: ["photos"] },
  whistle: { needs: ["units", "reason"], takes: [], key: "w" },
  report_in: { needs: [], takes: ["unit"] },
  merge: { needs: ["into"], takes: ["note"], key: "m", weighty: true },
  unmerge: { needs: [], takes: ["note"], at_once: true },
  place: { needs: ["place"], takes: ["note"], key: "p" },
  reclassify: { needs: ["class"], takes: ["note"], key: "c" },
  supervise: { needs: ["reason"], takes: [] },
  extend: { needs: ["extension", "reason"], takes: [] },
  defer: { needs: ["reason"], takes: [] },
  transfer: { needs: ["case_number"], takes: ["note"], weighty: true },
  reopen: { needs: ["reason"], takes: [] },
  cancel: { needs: ["reason"], takes: [], weighty: true },
  comment: { needs: ["note"], takes: [] },
};

/** The fields of the service that a field of the form fills. @type {Record<string, string[]>} */
export const FILLS = { extension: ["amount", "limit_unit"], place: ["lon", "lat", "crs"] };

/** What usually comes next in a state; these lead the buttons. @type {Record<string, string[]>} */
const NEXT = {
  reported: ["verify", "file"], verified: ["file"], filed: ["dispatch"], returned: ["dispatch"],
  dispatched: ["accept"], accepted: ["start", "resolve"], in_progress: ["resolve"], resolved: ["check", "rework"],
  checked: ["close"], deferred: ["resume"], merged: ["unmerge"],
};

export const LIMIT_UNITS = ["working_hour", "working_day", "natural_day", "urgent_hour", "urgent_day"];

/**
 * The allowed actions in two groups: what usually comes next, and the others in the table's order.
 * @param {string} state @param {string[]} allowed
 */
export function grouped(state, allowed) {
  const first = (NEXT[state] ?? []).filter((action) => allowed.includes(action));
  const rest = Object.keys(ACTIONS).filter((action) => allowed.includes(action) && !first.includes(action));
  return { first, rest: [...rest, ...allowed.filter((action) => !(action in ACTIONS))] };
}

/** @param {string} key pressed @returns {string|undefined} */
export const actionOfKey = (key) => Object.keys(ACTIONS).find((action) => ACTIONS[action].key === key);
