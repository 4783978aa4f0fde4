/* The dashboard's state: a snapshot, the numbered events on top of it, and how figures are written.
   No page and no socket is touched here. */

const OPEN = ["OPENING", "OPEN", "CLOSING"];
const KEEP = 30;

export function emptyState() {
  return {
    seq: 0, control: null, workers: [], openTrades: [], closedTrades: [], orders: [], journal: [],
    figures: [], tickSizes: {}, live: null, prices: new Map(), skewMs: 0,
  };
}

export function applySnapshot(state, snapshot) {
  state.seq = snapshot.seq;
  state.control = snapshot.control;
  state.workers = snapshot.workers;
  state.openTrades = snapshot.open_trades;
  state.closedTrades = snapshot.closed_trades;
  state.orders = snapshot.orders;
  state.journal = snapshot.journal;
  state.figures = snapshot.figures;
  state.tickSizes = snapshot.tick_sizes;
  applyPrices(state, snapshot.live.prices);
  applyLive(state, snapshot.live);
}

export function applyLive(state, live) {
  state.live = live;
  state.skewMs = live.at_ms - Date.now();
}

export function applyPrices(state, prices) {
  for (const [symbol, bid, ask, arrivalMs] of prices) {
    const before = state.prices.get(symbol);
    if (!before || before.arrivalMs <= arrivalMs) state.prices.set(symbol, { bid, ask, arrivalMs });
  }
}

export function applyEvent(state, event) {
  const apply = {
    "trading.trade.changed": applyTrade,
    "trading.worker.changed": applyWorker,
    "trading.order.changed": (s, order) => { s.orders = upsert(s.orders, order).slice(0, KEEP); },
    "trading.control.changed": (s, control) => { s.control = control; },
    "trading.journal.added": (s, entry) => { s.journal = upsert(s.journal, entry).slice(0, KEEP); },
  }[event.kind];
  if (apply) apply(state, event.data);
}

function upsert(rows, row) {
  const rest = rows.filter((each) => each.id !== row.id);
  return [row, ...rest].sort((a, b) => b.id - a.id);
}

function applyWorker(state, worker) {
  const rest = state.workers.filter((each) => each.id !== worker.id);
  const rows = worker.is_deleted ? rest : [...rest, worker];
  state.workers = rows.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function applyTrade(state, trade) {
  const wasOpen = state.openTrades.some((each) => each.id === trade.id);
  const rest = state.openTrades.filter((each) => each.id !== trade.id);
  if (OPEN.includes(trade.state)) {
    state.openTrades = wasOpen
      ? state.openTrades.map((each) => (each.id === trade.id ? trade : each))
      : [...rest, trade];
    return;
  }
  state.openTrades = rest;
  if (trade.state !== "CLOSED") return;
  const isNew = wasOpen && !state.closedTrades.some((each) => each.id === trade.id);
  if (isNew) countClosed(state, trade);
  const others = state.closedTrades.filter((each) => each.id !== trade.id);
  state.closedTrades = [trade, ...others].sort((a, b) => b.closed_at_ms - a.closed_at_ms).slice(0, KEEP);
}

/* Shown until the next snapshot brings the database's exact sums. */
function countClosed(state, trade) {
  let row = state.figures.find((each) => each.quote_asset === trade.quote_asset);
  if (!row) {
    row = { quote_asset: trade.quote_asset, trades: 0, wins: 0, unknown: 0, pnl: "0", fees: "0",
      gains: "0", losses: "0", trades_24h: 0, pnl_24h: "0" };
    state.figures.push(row);
  }
  row.trades += 1;
  row.trades_24h += 1;
  if (trade.realised_pnl === null) { row.unknown += 1; return; }
  const pnl = Number(trade.realised_pnl);
  row.wins += pnl > 0 ? 1 : 0;
  for (const field of ["pnl", "pnl_24h", pnl > 0 ? "gains" : "losses"]) row[field] = String(Number(row[field]) + pnl);
  row.fees = String(Number(row.fees) + Number(trade.fees ?? 0));
}

export function isHeld(trade) {
  return Number(trade.qty) > 0 && trade.state !== "OPENING";
}

/* Unrealised PnL at the bid, after the fees paid so far; null where the price is not known. */
export function openPnl(trade, price) {
  if (!price || !isHeld(trade)) return null;
  const entry = Number(trade.avg_entry_price);
  return Number(trade.qty) * Number(price.bid) + Number(trade.exit_notional)
    - Number(trade.entry_notional || entry * Number(trade.qty)) - quoteFees(trade);
}

/* A fee taken in the base asset already made qty smaller; only what was paid beside it is subtracted. */
function quoteFees(trade) {
  const bought = Number(trade.avg_entry_price) ? Number(trade.entry_notional) / Number(trade.avg_entry_price) : 0;
  const sold = Number(trade.avg_exit_price) ? Number(trade.exit_notional) / Number(trade.avg_exit_price) : 0;
  const baseFees = Math.max(bought - sold - Number(trade.qty), 0) * Number(trade.avg_entry_price);
  return Math.max(Number(trade.fees ?? 0) - baseFees, 0);
}

export function decimalsOf(step) {
  return step && step.includes(".") ? step.split(".")[1].length : step ? 0 : null;
}

export function priceText(text, step) {
  if (text === null || text === undefined || text === "") return "?";
  const decimals = decimalsOf(step);
  if (decimals === null) return String(text).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
  return Number(text).toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export function amountText(value, { signed = false } = {}) {
  if (value === null || value === undefined) return "not known";
  const number = Number(value);
  const size = Math.abs(number);
  const decimals = size >= 1000 ? 2 : size >= 1 || size === 0 ? 2 : size >= 0.01 ? 4 : 6;
  const text = size.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  const sign = number < 0 ? "\u2212" : signed && number > 0 ? "+" : "";
  return sign + text;
}

export function durationText(ms) {
  if (ms === null || ms === undefined) return "?";
  const s = Math.max(ms, 0) / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
}

export function utcText(ms) {
  return ms ? `${new Date(ms).toISOString().replace("T", " ").slice(0, 19)} UTC` : "";
}

export function universeText(universe) {
  if (universe.symbols) {
    const shown = universe.symbols.slice(0, 3).join(", ");
    return universe.symbols.length > 3 ? `${shown} and ${universe.symbols.length - 3} more` : shown;
  }
  return universe.quote_asset ? `top ${universe.top} by volume in ${universe.quote_asset}` : "";
}
