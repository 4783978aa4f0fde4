/* Values of a curve under a finger, moments in the operator's zone, no second press for a choice, and the cuts, which
   take the server longer than all above them. The page works without it. */

import { amountText, localText, utcText } from "./format.js";

for (const node of document.querySelectorAll("figcaption time[datetime]")) {
  const ms = Date.parse(node.getAttribute("datetime"));
  node.textContent = localText(ms, Date.now());
  node.title = utcText(ms);
}

for (const select of document.querySelectorAll(".choice select")) {
  select.addEventListener("change", () => select.form.submit());
}

function corners(figure) {
  const { begin, end, low, high } = figure.dataset;
  const beginMs = Date.parse(begin), spanMs = Date.parse(end) - beginMs, height = Number(high) - Number(low);
  return figure.querySelector("polyline").getAttribute("points").split(" ").map((pair) => {
    const [x, y] = pair.split(",").map(Number);
    return { x, ms: beginMs + (spanMs * x) / 1000, value: Number(high) - (height * y) / 300 };
  });
}

for (const figure of document.querySelectorAll(".plot")) {
  const said = figure.querySelector("output");
  let points = null;
  figure.addEventListener("pointermove", (event) => {
    points ??= corners(figure);
    const box = figure.querySelector("svg").getBoundingClientRect();
    const x = (1000 * (event.clientX - box.left)) / box.width;
    const near = points.reduce((best, each) => (Math.abs(each.x - x) < Math.abs(best.x - x) ? each : best));
    said.hidden = false;
    said.textContent = `${localText(near.ms, Date.now())}: ${amountText(near.value, { signed: true })} ${figure.dataset.unit}`;
  });
  figure.addEventListener("pointerleave", () => { said.hidden = true; });
}

const link = document.getElementById("cuts-link");
if (link) {
  const reply = await fetch(link.href).catch(() => null);
  if (reply?.ok && !reply.redirected) {
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    link.closest(".cuts").replaceWith(page.querySelector(".cuts"));
  }
}
