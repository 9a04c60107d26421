/** Promises and gaps as sentences. */

import { date, number, t } from "../i18n.js";

/** @param {import("./plan.js").Item} item @returns {string} what was promised */
export function promise(item) {
  if (!item.contract) return t("coverage.noPromise");
  if (item.visits_per_week) return t("coverage.perWeek", { n: item.visits_per_week });
  return t("coverage.everyDays", { n: item.promised_days ?? 0 });
}

/** @param {import("./plan.js").Item} item @returns {string} how it stands */
export function standing(item) {
  switch (item.state) {
    case "overdue": return t("coverage.overdueBy", { n: item.overdue_days ?? 0, when: item.last_visit_at ? date(item.last_visit_at) : "" });
    case "never_visited": return t("coverage.neverIn", { n: item.tracked_days ?? 0 });
    case "expired": return t("coverage.expiredOn", { when: item.valid_to ? date(`${item.valid_to}T12:00:00Z`) : "" });
    case "no_track": return t("coverage.noTrackHint");
    case "no_contract": return item.last_visit_at ? t("coverage.bareVisited", { when: date(item.last_visit_at) }) : t("coverage.bare");
    default: return t("coverage.lastVisit", { when: item.last_visit_at ? date(item.last_visit_at) : "" });
  }
}

/** @param {import("./plan.js").Item} item @returns {string[]} what else is to be known */
export const flags = (item) => [
  item.overlapping && t("coverage.flag.overlapping"),
  item.out_of_hours && t("coverage.flag.outOfHours"),
  item.outside_area && t("coverage.flag.outsideArea"),
].filter((flag) => flag !== false);

/** @param {import("./plan.js").Gap} gap @returns {string} what makes its risk */
export const riskWords = (gap) => t("coverage.riskOf", {
  days: number(gap.gap_days), incidents: number(gap.incidents), open: number(gap.open_cases),
});
