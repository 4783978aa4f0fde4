/* "What would it do?" on the admin's worker form: asks about what the form holds, without saving it. */

const form = document.getElementById("worker_form");

function show(box, { message, lines }) {
  const list = document.createElement("ul");
  list.append(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
  box.replaceChildren(Object.assign(document.createElement("p"), { textContent: message }), list);
}

async function ask(box) {
  box.textContent = "Asking\u2026";
  const place = location.pathname.replace(/(add|change)\/$/, "preview/");
  try {
    const reply = await fetch(place, { method: "POST", body: new FormData(form) });
    show(box, await reply.json());
  } catch {
    box.textContent = "The server cannot be reached.";
  }
}

if (form) {
  const press = Object.assign(document.createElement("button"), { type: "button", textContent: "What would it do?" });
  press.className = "fc-preview border border-base-200 rounded-default px-3 font-medium dark:border-base-700";
  const box = document.createElement("div");
  box.className = "fc-preview-answer mt-2 mb-4 leading-relaxed";
  box.setAttribute("role", "status");
  press.addEventListener("click", () => ask(box));
  form.prepend(press, box);
}
