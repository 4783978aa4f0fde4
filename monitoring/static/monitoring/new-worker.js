/* A worker in one short form: sensible defaults, each field with its unit and range, what is wrong said at its
   field. Loaded when it is first asked for. */

import { post, tell } from "./acts.js";
import { byId, el } from "./dom.js";
import { state } from "./view.js";

const dialog = byId("new-worker");
const form = dialog.querySelector("form");
let choices = null;

const BASIC = [
  { name: "name", label: "Name", hint: "1 to 60 letters, digits, spaces, dots or hyphens.", value: "", text: true },
  { name: "symbols", label: "Symbols", hint: "Exactly these, say BTCUSDT, ETHUSDT; empty = the most traded ones.", value: "", text: true },
  { name: "top", label: "Most traded symbols", unit: "symbols in USDT", min: 1, max: 400, value: 10 },
  { name: "trade_notional", label: "Amount of one trade", unit: "of the quote asset, more than 0", min: 0, value: 20, step: "any" },
  { name: "budget", label: "Budget", unit: "of the quote asset, for all its open trades", min: 0, value: 100, step: "any" },
];
const EXITS = [
  ["take_profit_bps", "Take profit", "bps above the entry (100 bps = 1 %)"],
  ["stop_loss_bps", "Stop loss", "bps below the entry"],
  ["trailing_bps", "Trailing stop", "bps behind the highest price, 0 = off"],
  ["max_hold_s", "Longest hold", "seconds"],
];
const RISK = [
  ["full_size_risk", "Risk for the whole size", "points of the risk score; above, a trade gets smaller; 100 = off"],
  ["max_risk", "Highest risk", "points; no entry above"],
];

export async function askNewWorker() {
  try {
    choices = await (await fetch("/worker-choices.json")).json();
  } catch {
    tell("The server cannot be reached, so nothing can be chosen.", false);
    return;
  }
  draw(choices.strategies[0].name, choices.intervals.find((each) => each.name === "1m")?.name ?? choices.intervals[0].name, null);
  form.elements.name.value = freeName();
  if (!dialog.open) dialog.showModal();
}

function freeName() {
  const taken = new Set(state.workers.map((worker) => worker.name));
  let number = 1;
  while (taken.has(`Worker ${number}`)) number += 1;
  return `Worker ${number}`;
}

/* `like` is the configuration of another worker, whose values stand in the fields; without it the strategy suggests. */
function draw(strategyName, interval, like) {
  const kept = { ...Object.fromEntries(new FormData(form)), ...(like ? basicOf(like) : {}) };
  const strategy = choices.strategies.find((each) => each.name === strategyName);
  const seconds = choices.intervals.find((each) => each.name === interval).seconds;
  const suggested = { ...strategy, max_hold_s: Math.min(strategy.max_hold_candles * seconds, choices.limits.max_hold_s.max), ...like };
  const values = like?.parameters ?? {};
  byId("new-worker-fields").replaceChildren(
    ...BASIC.map((each) => field({ ...each, value: kept[each.name] ?? each.value })),
    select("like", "Like", [["", "as the strategy suggests"], ...choices.workers.map((each) => [each.name, each.name])], kept.like ?? "", "Another worker whose settings stand in the fields below."),
    select("strategy", "Strategy", choices.strategies.map((each) => [each.name, each.title]), strategyName, `${strategy.idea} It loses ${lower(strategy.loses)}`),
    select("interval", "Candles", choices.intervals.map((each) => [each.name, each.name]), interval, "It decides whenever one closes."),
    el("details", {}, el("summary", {}, "Exits, as the strategy suggests"),
      ...EXITS.map(([name, label, unit]) => field({ name, label, unit, ...choices.limits[name], value: suggested[name] }))),
    el("details", {}, el("summary", {}, "Size by risk"),
      ...RISK.map(([name, label, unit]) => field({ name, label, unit, ...choices.limits[name], value: choices.risk[name] }))),
    el("details", {}, el("summary", {}, "Parameters of the strategy"),
      ...strategy.parameters.map((each) => field({ name: `p:${each.name}`, label: each.name.replaceAll("_", " "), hint: each.help, unit: each.unit, min: each.min, max: each.max, value: values[each.name] ?? each.default, step: "any" }))));
}

function basicOf({ universe, trade_notional, budget }) {
  return { trade_notional, budget, symbols: (universe.symbols ?? []).join(", "), ...(universe.top ? { top: universe.top } : {}) };
}

function lower(text) {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function field({ name, label, hint = "", unit = "", min, max, value, step = 1, text = false }) {
  const range = max === undefined ? unit : `${min.toLocaleString("en-US")} to ${max.toLocaleString("en-US")} ${unit}`;
  const id = `nw-${name}`;
  const attributes = text ? { type: "text", autocomplete: "off" } : { type: "number", inputmode: "decimal", min, max, step };
  return el("p", { class: "field" },
    el("label", { for: id }, label),
    el("input", { id, name, value: String(value), "aria-describedby": `${id}-hint`, ...attributes }),
    el("small", { id: `${id}-hint` }, [hint, range].filter(Boolean).join(" ")));
}

function select(name, label, options, chosen, hint) {
  const id = `nw-${name}`;
  return el("p", { class: "field" },
    el("label", { for: id }, label),
    el("select", { id, name, "aria-describedby": `${id}-hint` }, options.map(([value, text]) => el("option", { value, selected: value === chosen }, text))),
    el("small", { id: `${id}-hint` }, hint));
}

function configOf(values) {
  const symbols = values.symbols.toUpperCase().split(/[\s,]+/).filter(Boolean);
  const parameters = Object.entries(values).filter(([name]) => name.startsWith("p:")).map(([name, value]) => [name.slice(2), Number(value)]);
  return {
    strategy: values.strategy,
    interval: values.interval,
    universe: symbols.length ? { symbols } : { quote_asset: "USDT", top: Number(values.top) },
    trade_notional: values.trade_notional,
    budget: values.budget,
    parameters: Object.fromEntries(parameters),
    ...Object.fromEntries([...EXITS, ...RISK].map(([name]) => [name, Number(values[name])])),
  };
}

function complain(name, message) {
  form.querySelectorAll("[aria-invalid]").forEach((node) => node.removeAttribute("aria-invalid"));
  const guess = { universe: message.includes("symbols") ? "symbols" : "top", parameters: `p:${message.split(".").at(1)?.split(" ")[0]}` };
  const node = form.elements[guess[name] ?? name];
  byId("new-worker-problem").textContent = message;
  if (!node) return;
  node.setAttribute("aria-invalid", "true");
  const folded = node.closest("details");
  if (folded) folded.open = true;
  node.focus();
}

form.addEventListener("change", (event) => {
  const { name } = event.target;
  if (!["like", "strategy", "interval"].includes(name)) return;
  if (name === "strategy") form.elements.like.value = "";
  const like = choices.workers.find((each) => each.name === form.elements.like.value)?.config ?? null;
  const from = name === "like" && like ? like : { strategy: form.elements.strategy.value, interval: form.elements.interval.value };
  draw(from.strategy, from.interval, like);
});
form.addEventListener("submit", async (event) => {
  if (event.submitter?.value === "leave") return;
  event.preventDefault();
  const values = Object.fromEntries(new FormData(form));
  byId("new-worker-problem").textContent = "";
  const { ok, message, field: name } = await post("/act/workers/create", { name: values.name, config: JSON.stringify(configOf(values)), start: values.start ? "yes" : "" });
  if (!ok) { complain(name, message); return; }
  dialog.close();
  tell(message, true);
});
