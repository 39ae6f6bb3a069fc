#!/bin/sh
# start.sh: the tray where there is a desktop to show it, else the sign-in on the terminal.
set -eu
cd "$(dirname "$0")/.."

case $(uname) in
Linux)
	bus=${XDG_RUNTIME_DIR:-/nonexistent}/bus
	if [ -n "${DISPLAY-}${WAYLAND_DISPLAY-}" ] && { [ -n "${DBUS_SESSION_BUS_ADDRESS-}" ] || [ -S "$bus" ]; }; then
		exec bin/keytender-tray
	fi
	echo "no desktop here: signing in on the terminal" >&2
	exec bin/keytender login
	;;
*) exec bin/keytender-tray ;;
esac
