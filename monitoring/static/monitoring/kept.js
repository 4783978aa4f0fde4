/* The last snapshot, kept in this browser: shown after a start without a network, and never as live. */

const PLACE = "fc:snapshot";
/* Older than this it helps nobody. */
const LONGEST_MS = 7 * 24 * 3600 * 1000;

export function keep(snapshot) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(snapshot));
  } catch {
    forget(); /* no room, or not allowed: then there is nothing to show later */
  }
}

export function forget() {
  localStorage.removeItem(PLACE);
}

export function readKept() {
  const text = localStorage.getItem(PLACE);
  const snapshot = text ? JSON.parse(text) : null;
  return snapshot && Date.now() - snapshot.at_ms < LONGEST_MS ? snapshot : null;
}

/* The frame of the page is kept by a service worker, where the browser has one. What came before it was there is
   named to it once. */
export async function keepFrame() {
  if (!navigator.serviceWorker) return;
  await navigator.serviceWorker.register("/sw.js");
  const { active } = await navigator.serviceWorker.ready;
  const files = performance.getEntriesByType("resource").map((each) => each.name).filter((name) => new URL(name).pathname.startsWith("/static/"));
  active.postMessage(["/", ...files]);
}
