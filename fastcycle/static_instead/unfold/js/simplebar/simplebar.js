/* In place of the theme's scrollbars: they moved every row of a list into wrappers once they ran, half a second
   after the list was there, which painted it anew. The browser's own scroll as well; the theme asks for the part
   that scrolls where it brings the present page into the sidebar's view. */
window.SimpleBar = { instances: { get: (node) => ({ getScrollElement: () => node }) } };
