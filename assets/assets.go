// Package assets holds what the programs show: the menu-bar icons, and the pages
// that a browser shows during a sign-in. It names nothing outside itself: a page
// fetches no script, font or picture.
package assets

import "embed"

// Pages holds pages/layout.html, one file for each page and each mark within it, and
// pages/style.css, the only style there is.
//
//go:embed pages/*.html pages/style.css
var Pages embed.FS
