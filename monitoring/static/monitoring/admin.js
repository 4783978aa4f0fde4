/* The admin theme's frame: shown before its scripts have run, in the right light, with names for its parts. */

const root = document.documentElement;

/* The server shows the page before the theme's scripts are done; until then admin.css hides what they would. */
document.addEventListener("alpine:initialized", () => root.classList.remove("fc-waiting"));

/* The server writes the next page in the light of this one. */
new MutationObserver(() => {
  document.cookie = `fc_dark=${root.classList.contains("dark") ? 1 : 0}; path=/admin/; max-age=31536000; samesite=strict`;
}).observe(root, { attributeFilter: ["class"] });

const chosen = (localStorage.getItem("_x_adminTheme") ?? "").replaceAll('"', "");
const isDark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
root.classList.toggle("dark", isDark);
root.classList.add("fc-lit");

/* Landmarks, for those who move by them. */
function name(selector, attribute, text) {
  document.querySelectorAll(selector).forEach((node, place) => node.setAttribute(attribute, place ? `${text} ${place + 1}` : text));
}

document.addEventListener("DOMContentLoaded", () => {
  name("#main, .login > #page", "role", "main");
  name("ul.object-tools", "role", "group");
  name("#nav-sidebar-inner", "aria-label", "All pages");
  name("#tabs-items", "aria-label", "Parts of this page");
});
