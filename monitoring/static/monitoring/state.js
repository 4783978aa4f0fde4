/* The dashboard's state: a snapshot, and the numbered events on top of it. No page and no socket is touched. */

const OPEN = ["OPENING", "OPEN", "CLOSING"];
const KEEP = 30;

export function emptyState() {
  return {
    seq: 0, control: null, workers: [], openTrades: [], closedTrades: [], orders: [], journal: [],
    figures: [], today: [], workerFigures: [], tickSizes: {}, live: null, prices: new Map(), skewMs: 0,
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
  state.today = snapshot.today;
  state.workerFigures = snapshot.worker_figures;
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
  state.closedTrades = [trade, ...others].sort((a, b) => b.closed_at_ms - a.closed_at_ms || b.id - a.id).slice(0, KEEP);
}

/* Sums are shown like this until the next snapshot brings the database's exact ones. */
function countClosed(state, trade) {
  const asset = trade.quote_asset;
  const zero = { quote_asset: asset, trades: 0, wins: 0, unknown: 0, pnl: "0", fees: "0" };
  const total = rowOf(state.figures, { quote_asset: asset }, { ...zero, gains: "0", losses: "0", trades_24h: 0, pnl_24h: "0" });
  const day = rowOf(state.today, { quote_asset: asset }, { ...zero, unprotected_s: 0 });
  const own = rowOf(state.workerFigures, { quote_asset: asset, worker_id: trade.worker_id }, { ...zero, worker_id: trade.worker_id });
  total.trades_24h += 1;
  day.unprotected_s += trade.unprotected_s;
  for (const row of [total, day, own]) {
    row.trades += 1;
    row.fees = add(row.fees, trade.fees);
    if (trade.realised_pnl === null) { row.unknown += 1; continue; }
    row.wins += Number(trade.realised_pnl) > 0 ? 1 : 0;
    row.pnl = add(row.pnl, trade.realised_pnl);
  }
  if (trade.realised_pnl === null) return;
  total.pnl_24h = add(total.pnl_24h, trade.realised_pnl);
  const side = Number(trade.realised_pnl) > 0 ? "gains" : "losses";
  total[side] = add(total[side], trade.realised_pnl);
}

function rowOf(rows, key, made) {
  const found = rows.find((row) => Object.entries(key).every(([name, value]) => row[name] === value));
  if (!found) rows.push(made);
  return found ?? made;
}

function add(text, more) {
  return String(Number(text ?? 0) + Number(more ?? 0));
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

/* Open PnL by quote asset: { sum, unknown } where unknown counts held trades whose price is not known. */
export function openTotals(state) {
  const totals = {};
  for (const trade of state.openTrades.filter(isHeld)) {
    const row = (totals[trade.quote_asset] ??= { sum: 0, unknown: 0 });
    const pnl = openPnl(trade, state.prices.get(trade.symbol));
    if (pnl === null) row.unknown += 1;
    else row.sum += pnl;
  }
  return totals;
}

/* Cash and everything held at mid; `missing` names what has no price, so that nobody takes the sum for all. */
export function equityOf(state, holdings) {
  let sum = Number(holdings.cash);
  const missing = [...holdings.unpriced];
  for (const [asset, symbol, qty] of holdings.priced) {
    const price = state.prices.get(symbol);
    if (price) sum += (Number(qty) * (Number(price.bid) + Number(price.ask))) / 2;
    else missing.push(asset);
  }
  return { sum, missing };
}

export function workerName(state, id) {
  return state.workers.find((worker) => worker.id === id)?.name ?? `worker ${id}`;
}
