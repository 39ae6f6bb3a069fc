// Command baretray is the smallest program on a tray library: an icon and one line.
// `make bench` holds the menu-bar app against it.
package main

import "keytender/assets"

func main() { run(assets.Icon("signed-out-44.png")) }
