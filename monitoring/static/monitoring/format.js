/* How figures, amounts and moments are written. What is not known is written as such, never as 0. */

const UNKNOWN = "not known";
const MINUS = "\u2212";

export function decimalsOf(step) {
  return step && step.includes(".") ? step.split(".")[1].length : step ? 0 : null;
}

export function priceText(value, step) {
  if (value === null || value === undefined || value === "") return "?";
  const decimals = decimalsOf(step);
  if (decimals === null) return Number(value).toLocaleString("en-US", { maximumFractionDigits: 8 });
  return Number(value).toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export function qtyText(value) {
  if (value === null || value === undefined || value === "") return "?";
  return Number(value).toLocaleString("en-US", { maximumFractionDigits: 8 });
}

/* Two decimals; four where the amount is below one, so that the PnL of a small trade is seen. */
export function amountText(value, { signed = false } = {}) {
  if (value === null || value === undefined || Number.isNaN(Number(value))) return UNKNOWN;
  const number = Number(value);
  const size = Math.abs(number);
  const decimals = size >= 1 || size === 0 ? 2 : 4;
  const text = size.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  const isZero = Number(text.replaceAll(",", "")) === 0;
  const sign = isZero ? "" : number < 0 ? MINUS : signed ? "+" : "";
  return sign + text;
}

export function fixedText(number, decimals, { signed = false } = {}) {
  if (number === null || number === undefined || !Number.isFinite(number)) return "?";
  const text = Math.abs(number).toFixed(decimals);
  const isZero = Number(text) === 0;
  return (isZero ? "" : number < 0 ? MINUS : signed ? "+" : "") + text;
}

export function countText(number) {
  return number.toLocaleString("en-US");
}

export function percentText(ratio, decimals = 0) {
  return ratio === null || ratio === undefined ? UNKNOWN : `${(100 * ratio).toFixed(decimals)} %`;
}

export function durationText(ms) {
  if (ms === null || ms === undefined) return "?";
  const s = Math.max(ms, 0) / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
}

export function secondsText(s) {
  return s === null || s === undefined ? `? s` : `${s.toFixed(s < 10 ? 2 : 0)} s`;
}

export function utcText(ms) {
  return ms ? `${new Date(ms).toISOString().replace("T", " ").slice(0, 19)} UTC` : "";
}

/* In the operator's own zone: the clock alone for today, with the day for what is older. */
export function localText(ms, nowMs) {
  if (!ms) return "?";
  const at = new Date(ms);
  const clock = at.toLocaleTimeString("en-GB");
  if (at.toDateString() === new Date(nowMs).toDateString()) return clock;
  return `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${clock.slice(0, 5)}`;
}

export function plainCode(code) {
  return code ? code.toLowerCase().replaceAll("_", " ") : "";
}

export function universeText(universe) {
  if (universe.symbols) {
    const shown = universe.symbols.slice(0, 3).join(", ");
    return universe.symbols.length > 3 ? `${shown} and ${universe.symbols.length - 3} more` : shown;
  }
  return universe.quote_asset ? `top ${universe.top} by volume in ${universe.quote_asset}` : "";
}

/* The range in which the true share lies with 95 % confidence (E. B. Wilson, 1927); null without trades. */
export function wilson(wins, trades) {
  if (!trades) return null;
  const z = 1.959964;
  const rate = wins / trades;
  const square = z * z;
  const centre = rate + square / (2 * trades);
  const reach = z * Math.sqrt((rate * (1 - rate)) / trades + square / (4 * trades * trades));
  const scale = 1 + square / trades;
  return [Math.max((centre - reach) / scale, 0), Math.min((centre + reach) / scale, 1)];
}
