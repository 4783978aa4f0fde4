/* Live prices with their age, the newest orders, and the journal. */

import { durationText, plainCode, priceText, utcText } from "./format.js";
import { byId, chip, el, empty, fill, setText } from "./dom.js";
import { age, serverNow, state } from "./view.js";

const STALE_PRICE_MS = 5000;
const SHOWN = 12;

/* The one list that changes many times a second: its rows are made once and written in place. */
export function drawPrices() {
  const symbols = [...state.prices.keys()].sort();
  byId("price-count").textContent = symbols.length || "";
  const box = byId("prices");
  if (!symbols.length) { fill(box, empty("No price has come yet.")); return; }
  if (box.childElementCount !== symbols.length || box.firstElementChild.dataset.symbol !== symbols[0]) {
    box.replaceChildren(...symbols.map(priceRow));
  }
  for (const row of box.children) drawPrice(row);
}

function priceRow(symbol) {
  const row = el("button", { type: "button", class: "price", "data-symbol": symbol, "data-chart": symbol },
    el("span", { class: "symbol" }, symbol), el("span", { class: "number bid" }), el("span", { class: "number ask" }), el("small", { class: "age" }));
  return row;
}

function drawPrice(row) {
  const { symbol } = row.dataset;
  const price = state.prices.get(symbol);
  const [, bid, ask, old] = row.children;
  const before = Number(row.dataset.bid ?? price.bid);
  if (before !== Number(price.bid)) row.dataset.move = Number(price.bid) > before ? "up" : "down";
  row.dataset.bid = price.bid;
  const step = state.tickSizes[symbol];
  setText(bid, priceText(price.bid, step));
  setText(ask, priceText(price.ask, step));
  const ageMs = serverNow() - price.arrivalMs;
  setText(old, ageMs < 1000 ? "now" : durationText(ageMs));
  row.classList.toggle("stale", ageMs > STALE_PRICE_MS);
  const title = utcText(price.arrivalMs);
  if (row.title !== title) row.title = title;
}

export function drawOrders() {
  const tone = (status) => ({ FILLED: "good", REJECTED: "bad", DENIED: "bad", SUBMITTED: "warn" })[status] ?? "quiet";
  if (!state.orders.length) { fill("orders", empty("No order yet.")); return; }
  fill("orders", state.orders.slice(0, SHOWN).map((order) => el("div", { class: "row line", title: order.client_order_id },
    el("span", {}, `${order.symbol} ${plainCode(order.role)}`), chip(plainCode(order.status), tone(order.status)),
    el("span", { class: "grow" }), age(order.created_at_ms),
    order.reason ? el("small", { class: "whole" }, plainCode(order.reason)) : null)));
}

export function drawJournal() {
  if (!state.journal.length) { fill("journal", empty("Nothing was changed yet.")); return; }
  fill("journal", state.journal.slice(0, SHOWN).map((entry) => el("div", { class: "row line" },
    el("span", {}, entry.action.replace(".", " ").replaceAll("_", " ")), el("small", {}, `${entry.subject.replace(":", " ")}, by ${entry.actor}`), el("span", { class: "grow" }), age(entry.at_ms),
    entry.reason ? el("small", { class: "whole" }, entry.reason) : null)));
}
