#!/bin/sh
# desktops.sh [NAME...]: shows both builds of the menu-bar app on other desktops than the one
# that the tests use, each on a display and a bus of its own, and leaves pictures in
# artefacts/ for people to look at: the panel, and what a left and a right click bring.
# Nothing of this is a test: what was seen stands in docs/menu.md.
set -eu
cd "$(dirname "$0")/.."

here=$PWD
shots=$here/artefacts
apps=$here/build/desktops

# Inside: on a bus of its own, with a home of its own, all of it under $room.
if [ "${1-}" = --inside ]; then
	name=$2 build=$3
	pids=
	trap 'kill $pids 2>/dev/null || true' EXIT
	background() {
		log=$room/$1.log
		shift
		"$@" >"$log" 2>&1 &
		pids="$! $pids"
	}

	display() {
		Xvfb -displayfd 9 -screen 0 1280x800x24 +extension GLX -nolisten tcp -noreset 9>"$room/display" >/dev/null 2>&1 &
		pids="$! $pids"
		sleep 2
		DISPLAY=:$(cat "$room/display")
		export DISPLAY
		dbus-update-activation-environment DISPLAY HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME GSETTINGS_BACKEND NO_AT_BRIDGE
	}
	shoot() { import -window root "$shots/desktop-$name-$build$1.png"; }
	# what a click with button $3 at $1,$2 brings
	click() {
		xdotool mousemove "$1" "$2" sleep 0.3 click "$3" sleep 2
		shoot "$4"
		xdotool key Escape sleep 0.5
	}

	x=1262 y=16
	case $name in
	lxqt)
		display
		background wm openbox --sm-disable
		mkdir -p "$XDG_CONFIG_HOME/lxqt"
		printf '%s\n' '[General]' 'panels=panel1' '[panel1]' 'iconSize=22' 'panelSize=32' 'position=Top' 'width=100' 'width-percent=true' \
			'plugins=spacer,statusnotifier' '[spacer]' 'type=spacer' 'expandable=true' '[statusnotifier]' 'type=statusnotifier' \
			>"$XDG_CONFIG_HOME/lxqt/panel.conf"
		XDG_CURRENT_DESKTOP=LXQt background panel lxqt-panel
		;;
	mate)
		display
		background wm openbox --sm-disable
		XDG_CURRENT_DESKTOP=MATE background panel mate-panel
		x=1140 y=12
		;;
	gnome) # it asks logind what it may do, which is played here
		display
		printf '<busconfig><type>session</type><auth>EXTERNAL</auth><listen>unix:path=%s</listen><policy context="default"><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/></policy></busconfig>\n' \
			"$room/system" >"$room/system.conf"
		background system dbus-daemon --config-file="$room/system.conf" --nofork
		DBUS_SYSTEM_BUS_ADDRESS=unix:path=$room/system
		export DBUS_SYSTEM_BUS_ADDRESS
		sleep 1
		background logind /usr/bin/python3 -m dbusmock --system --template logind
		mkdir -p "$XDG_CONFIG_HOME/glib-2.0/settings"
		printf '%s\n' '[org/gnome/shell]' "enabled-extensions=['ubuntu-appindicators@ubuntu.com']" "welcome-dialog-last-shown-version='99'" \
			'[org/gnome/desktop/interface]' 'enable-animations=false' >"$XDG_CONFIG_HOME/glib-2.0/settings/keyfile"
		sleep 2
		GSETTINGS_BACKEND=keyfile XDG_CURRENT_DESKTOP=GNOME background panel gnome-shell --x11
		sleep 15
		x=1210
		;;
	waybar) # its display has no pointer, so nothing is clicked
		printf '%s\n' 'output HEADLESS-1 resolution 1280x800' 'seat * hide_cursor 0' >"$room/sway.conf"
		WLR_BACKENDS=headless WLR_LIBINPUT_NO_DEVICES=1 WLR_RENDERER=pixman background sway sway -c "$room/sway.conf"
		sleep 3
		for socket in "$XDG_RUNTIME_DIR"/wayland-?; do WAYLAND_DISPLAY=${socket##*/}; done
		export WAYLAND_DISPLAY
		mkdir -p "$XDG_CONFIG_HOME/waybar"
		echo '{"layer":"top","position":"top","height":32,"modules-right":["tray"],"tray":{"icon-size":22,"spacing":8}}' >"$XDG_CONFIG_HOME/waybar/config"
		background panel waybar
		shoot() { grim "$shots/desktop-$name-$build$1.png"; }
		click() { :; }
		;;
	esac
	sleep 4
	background app "$apps/$build"
	sleep 8
	[ "$name" != gnome ] || xdotool key Escape sleep 1 # it starts with an overview
	shoot ""
	click $x $y 1 -left
	click $x $y 3 -right
	exit 0
fi

mkdir -p "$shots" "$apps"
CGO_ENABLED=0 "${GO:-go}" build -o "$apps/pure" ./cmd/keytender-tray
builds=pure
if pkg-config --exists ayatana-appindicator3-0.1 2>/dev/null; then
	CGO_ENABLED=1 "${GO:-go}" build -o "$apps/gtk" ./cmd/keytender-tray
	builds="pure gtk"
fi
[ $# -gt 0 ] || set -- lxqt mate gnome waybar
for name; do
	for build in $builds; do
		room=$(mktemp -d)
		mkdir -p "$room/home/.config" "$room/run" "$room/kt/state"
		chmod 700 "$room" "$room/run"
		# the note of the first start was seen: it would open in a browser
		echo '{"(welcome)":{"at":"2026-01-01T00:00:00Z"}}' >"$room/kt/state/notices.json"
		as=
		if [ "$name" = waybar ] && [ "$(id -u)" = 0 ]; then # sway does not run as root
			as="setpriv --reuid 65534 --regid 65534 --clear-groups"
			chown -R 65534:65534 "$room"
			chmod 1777 "$shots"
		fi
		echo "desktops: $name, $build"
		# shellcheck disable=SC2086 # several words
		timeout 120 $as env -i PATH="$PATH" HOME="$room/home" XDG_CONFIG_HOME="$room/home/.config" XDG_RUNTIME_DIR="$room/run" LC_ALL=C.UTF-8 \
			KEYTENDER_HOME="$room/kt" KEYTENDER_STORE=file GSETTINGS_BACKEND=memory NO_AT_BRIDGE=1 LIBGL_ALWAYS_SOFTWARE=1 \
			room="$room" dbus-run-session -- sh "$here/packaging/desktops.sh" --inside "$name" "$build" >"$room/log" 2>&1 ||
			{ echo "desktops: $name does not run here:"; tail -n 3 "$room/log"; }
		rm -rf "$room"
	done
done
