/* A button that acts only after it was held down, by finger, mouse, Enter or Space. A press that comes from
   elsewhere (a screen reader, a voice) cannot be held: there the same button has to be pressed twice. */

import { el } from "./dom.js";

export const HOLD_MS = 1200;
const AGAIN_MS = 6000;

export function holdButton(name, what, done) {
  const hint = el("small", { class: "hint" }, "Hold to do it");
  const node = el("button", { type: "button", class: "button danger tall hold", style: `--hold:${HOLD_MS}ms` },
    el("b", {}, name), el("span", {}, what), hint);
  let timer = null;
  let isPressed = false;
  let isArmed = false;
  let askedAt = 0;

  const say = (text, isHeld) => { hint.textContent = text; node.classList.toggle("held", isHeld); };
  const begin = (whenHeld) => {
    if (timer) return;
    say("Keep holding\u2026", true);
    timer = setTimeout(whenHeld, HOLD_MS);
  };
  const end = () => {
    clearTimeout(timer);
    timer = null;
    isArmed = false;
    say("Hold to do it", false);
  };
  const isKey = (event) => event.key === "Enter" || event.key === " ";

  node.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    isPressed = true;
    begin(() => { end(); done(); });
  });
  for (const name of ["pointerup", "pointercancel", "pointerleave", "blur"]) node.addEventListener(name, end);
  /* A key that is held goes on repeating: it acts when it is let go, or it would press what comes next. */
  node.addEventListener("keydown", (event) => {
    if (!isKey(event)) return;
    event.preventDefault();
    begin(() => { isArmed = true; hint.textContent = "Let go to do it"; });
  });
  node.addEventListener("keyup", (event) => {
    if (!isKey(event)) return;
    event.preventDefault();
    const wasArmed = isArmed;
    end();
    if (wasArmed) done();
  });
  node.addEventListener("contextmenu", (event) => event.preventDefault()); /* what a long touch would open */
  node.addEventListener("click", () => {
    if (isPressed) { isPressed = false; return; } /* the end of a press with a finger or a mouse */
    if (Date.now() - askedAt < AGAIN_MS) { askedAt = 0; done(); return; }
    askedAt = Date.now();
    hint.textContent = "Press again to do it";
  });
  return node;
}
