/* Keeps the dashboard's frame: the network is always asked first, and what it last gave is shown without one.
   Figures are not its business: the page marks them as old. */

const CACHE = "fast-cycle-frame";

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("message", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(event.data)));
});

function isFrame(request) {
  const { origin, pathname } = new URL(request.url);
  return request.method === "GET" && origin === location.origin && (pathname === "/" || pathname.startsWith("/static/"));
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  try {
    const reply = await fetch(request);
    if (!reply.ok || reply.redirected) return reply;
    /* Whole before it takes the place of what is kept: a line that breaks half way must not leave nothing. */
    const { status, statusText, headers } = reply;
    const whole = new Response(await reply.blob(), { status, statusText, headers });
    await cache.put(request, whole.clone());
    return whole;
  } catch (error) {
    const known = await cache.match(request, { ignoreVary: true });
    if (known) return known;
    throw error;
  }
}

addEventListener("fetch", (event) => { if (isFrame(event.request)) event.respondWith(answer(event.request)); });
