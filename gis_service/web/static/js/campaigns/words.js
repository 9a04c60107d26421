/** How a campaign and its measurement are written. */

import { h } from "../dom.js";
import { language, percent, showDay, t } from "../i18n.js";

/** Of a row or an answer: effect, doubt, more, unclear, unknown. @param {any} found */
export const outcome = (found) => (found.effect ? "effect" : found.verdict === "fewer" ? "doubt" : found.verdict ?? "unknown");

/** The name of a unit or class. @param {any} one */
export const inLanguage = (one) => (language() === "en" && one.name_en) || one.name;

/** @param {any} campaign */
export const period = (campaign) => t("campaigns.period", { from: showDay(campaign.starts_on), to: showDay(campaign.ends_on) });

/** A mark with what was measured, where something was. @param {any} campaign */
export function mark(campaign) {
  if (!campaign.verdict) return null;
  const kind = outcome(campaign);
  return h("span", { class: `mark ${kind}`, text: [t(`campaigns.outcome.${kind}`), change(campaign.estimate)].filter(Boolean).join(" ") });
}

/** @param {number|null|undefined} share a relative change */
export const change = (share) => (share === null || share === undefined ? "" : `${share > 0 ? "+" : "−"}${percent(Math.abs(share))}`);

/** @param {{low: number, high: number}} one */
export const interval = (one) => `${change(one.low)} … ${change(one.high)}`;
