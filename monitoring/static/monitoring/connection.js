/* The WebSocket: snapshot first, numbered events after; a gap asks for a fresh snapshot; a lost or silent
   connection comes back by itself. */

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;
/* The server speaks every second; this long without a word means that the line is dead. */
const SILENT_MS = 6000;
/* Processes number and send on their own, so two numbers may change places on the way. */
const GAP_MS = 400;
const FRESH_EVERY_MS = 60000;
/* A line that speaks and has not brought the first snapshot by then is asked for it. */
const FIRST_SNAPSHOT_MS = 3000;
const KEEP_EVENTS = 300;
const NOT_LOGGED_IN = 4401;

export class Connection {
  constructor(heard) {
    Object.assign(this, heard); /* onSnapshot, onEvent, onPrices, onLive, onStatus, onLoggedOut */
    this.waitMs = FIRST_WAIT_MS;
    this.seq = null;
    this.early = new Map();
    this.recent = [];
    setInterval(() => this.#watch(), 1000);
    addEventListener("online", () => this.#open());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.#watch(); });
    this.#open();
  }

  #open() {
    clearTimeout(this.timer);
    if (this.socket && this.socket.readyState <= WebSocket.OPEN) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/dashboard`);
    this.socket = socket;
    this.heardAt = this.freshAt = Date.now();
    socket.onmessage = (message) => this.#hear(JSON.parse(message.data));
    socket.onclose = (event) => { if (socket === this.socket) this.#closed(event.code); };
  }

  #closed(code) {
    if (code === NOT_LOGGED_IN) { this.onLoggedOut(); location.assign(`/admin/login/?next=${location.pathname}`); return; }
    this.seq = null;
    this.onStatus("offline");
    const wait = this.waitMs * (0.5 + Math.random() / 2);
    this.waitMs = Math.min(this.waitMs * 2, LONGEST_WAIT_MS);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#open(), wait);
  }

  #watch() {
    const now = Date.now();
    if (now - this.heardAt > SILENT_MS && this.socket?.readyState <= WebSocket.OPEN) {
      const silent = this.socket;
      this.socket = null;
      silent.close();
      this.#closed(0);
    } else if (this.gapSince && now - this.gapSince > GAP_MS || now - this.freshAt > this.#freshEvery()) {
      this.ask();
    }
  }

  #freshEvery() { return this.seq === null ? FIRST_SNAPSHOT_MS : FRESH_EVERY_MS; }

  ask() {
    this.gapSince = null;
    this.freshAt = Date.now();
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send("snapshot");
  }

  #hear({ type, data }) {
    this.heardAt = Date.now();
    if (type === "prices") this.onPrices(data);
    else if (type === "live") { this.socket?.send("heard"); this.onLive(data); }
    else if (type === "events") data.forEach((event) => this.#event(event));
    else if (type === "snapshot") this.#snapshot(data);
  }

  #snapshot(snapshot) {
    this.waitMs = FIRST_WAIT_MS;
    this.freshAt = Date.now();
    this.seq = snapshot.seq;
    this.early.clear();
    this.gapSince = null;
    this.onSnapshot(snapshot);
    this.onStatus("live");
    /* Events that overtook the snapshot on its way are applied once more; repeating one changes nothing. */
    const newer = this.recent.filter((event) => event.seq > snapshot.seq).sort((a, b) => a.seq - b.seq);
    newer.forEach((event) => this.#event(event));
  }

  #event(event) {
    if (!this.recent.includes(event)) this.recent = [...this.recent.slice(-KEEP_EVENTS), event];
    if (this.seq === null) return;
    if (event.seq < this.seq - KEEP_EVENTS) this.ask(); /* the numbering began anew */
    if (event.seq <= this.seq) return;
    this.early.set(event.seq, event);
    while (this.early.has(this.seq + 1)) {
      this.seq += 1;
      this.onEvent(this.early.get(this.seq));
      this.early.delete(this.seq);
    }
    this.gapSince = this.early.size ? (this.gapSince ?? Date.now()) : null;
    if (this.gapSince) setTimeout(() => this.#watch(), GAP_MS + 50);
  }
}
