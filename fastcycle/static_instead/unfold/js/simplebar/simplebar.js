/* In place of the theme's scrollbars: they moved every row of a list into wrappers once they ran, half a second
   after the list was there, which painted it anew. The browser's own scroll as well. */
