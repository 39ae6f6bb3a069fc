// Package assets holds what the programs show: the menu-bar icons, and the pages
// that a browser shows during a sign-in, in six languages. It names nothing outside
// itself: a page fetches no script, font or picture.
package assets

import "embed"

// Pages holds pages/layout.html, one file for each mark within it, pages/style.css, the
// only style there is, and the picture on the browser's tab.
//
//go:embed pages/*.html pages/style.css icons/keytender-48.png
var Pages embed.FS
