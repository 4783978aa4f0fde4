/* What every part of the dashboard draws from: the one state, the words for codes, the server's clock. */

import { amountText, durationText, localText, utcText } from "./format.js";
import { byId, el } from "./dom.js";
import { emptyState } from "./state.js";

export const state = emptyState();
export const words = JSON.parse(byId("words").textContent);
export const canOperate = byId("page").dataset.canOperate === "yes";
export const canAcknowledge = byId("page").dataset.canAcknowledge === "yes";
export const serverNow = () => Date.now() + state.skewMs;

export function decisionText(code) {
  return words.decisions[code] ?? `${code.replaceAll("_", " ").toLowerCase()}.`;
}

/* An age that goes on by itself; the clock in the operator's zone and in UTC is a hover away. */
export function age(ms) {
  if (!ms) return el("time", {}, "");
  const title = `${localText(ms, serverNow())} here, ${utcText(ms)}`;
  return el("time", { title, datetime: new Date(ms).toISOString(), "data-ms": ms }, ageText(ms));
}

export function ageText(ms) {
  return `${durationText(serverNow() - ms)} ago`;
}

export function clock(ms) {
  if (!ms) return "?";
  return el("time", { title: `${utcText(ms)}, ${ageText(ms)}`, datetime: new Date(ms).toISOString() }, localText(ms, serverNow()));
}

export function money(value, asset, options = {}) {
  const number = Number(value);
  const isToned = options.signed && value !== null && value !== undefined && number !== 0;
  return el("span", { class: `number ${isToned ? (number > 0 ? "gain" : "loss") : ""}` },
    amountText(value, options), asset ? el("small", {}, ` ${asset}`) : null);
}
