/* The admin theme's frame: shown before its scripts have run, in the right light, with names for its parts. */

const root = document.documentElement;

/* The theme hides the whole page until its scripts are done; what they would hide stays hidden by admin.css. */
root.removeAttribute("x-cloak");
root.classList.add("fc-waiting");
document.addEventListener("alpine:initialized", () => root.classList.remove("fc-waiting"));

const chosen = (localStorage.getItem("_x_adminTheme") ?? "").replaceAll('"', "");
const isDark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
root.classList.toggle("dark", isDark);

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
addEventListener("load", () => name(".simplebar-content-wrapper", "aria-label", "Scrolled part"));
