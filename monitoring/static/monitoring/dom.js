/* Tools to draw with: elements are made anew and the page is brought into line with them, so that what did not
   change keeps its node, its focus and the finger that is on it. All text goes in as text, never as markup. */

export const byId = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") node.style.cssText = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/* Acts are named on the button and heard at the page's root: a node that is kept needs no new listener. */
export function button(text, tone, data, attributes = {}) {
  const node = el("button", { type: "button", class: `button ${tone}`, ...attributes }, text);
  /* Its key names what it does: a node never changes its meaning under a finger. */
  Object.assign(node.dataset, data, { key: Object.values(data).join("-") });
  return node;
}

export function chip(text, tone, title) {
  return el("span", { class: "chip", "data-tone": tone, title }, text);
}

export function empty(text) {
  return el("p", { class: "empty" }, text);
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/* Brings the children of a node into line with the given ones; `data-key` names those that may move. */
export function fill(target, ...children) {
  const parent = typeof target === "string" ? byId(target) : target;
  const next = children.flat().filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (typeof child === "string" ? document.createTextNode(child) : child));
  const kept = new Map([...parent.children].filter((node) => node.dataset.key).map((node) => [node.dataset.key, node]));
  let cursor = parent.firstChild;
  for (const node of next) {
    const key = node.dataset?.key;
    const match = key ? kept.get(key) : cursor && !cursor.dataset?.key ? cursor : null;
    if (!match) parent.insertBefore(node, cursor);
    else {
      if (match === cursor) cursor = cursor.nextSibling;
      else parent.insertBefore(match, cursor);
      align(match, node);
    }
  }
  while (cursor) {
    const gone = cursor;
    cursor = cursor.nextSibling;
    gone.remove();
  }
}

function align(node, wanted) {
  if (node.nodeType !== wanted.nodeType || node.nodeName !== wanted.nodeName) { node.replaceWith(wanted); return; }
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== wanted.data) node.data = wanted.data;
    return;
  }
  for (const { name } of [...node.attributes]) if (!wanted.hasAttribute(name)) node.removeAttribute(name);
  for (const { name, value } of wanted.attributes) {
    if (name === "style") { if (node.style.cssText !== wanted.style.cssText) node.style.cssText = wanted.style.cssText; }
    else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  if (!wanted.hasChildNodes()) { if (node.hasChildNodes()) node.replaceChildren(); return; }
  fill(node, ...wanted.childNodes);
}
