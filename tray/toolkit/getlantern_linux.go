//go:build !notray && !fynetray && cgo

package toolkit

/*
#cgo pkg-config: ayatana-appindicator3-0.1
#include <libayatana-appindicator/app-indicator.h>
#include <stdlib.h>

static AppIndicator *indicator; // the library's own, which it shows to nobody

// app_indicator_new stands here before the function of that name in
// libayatana-appindicator, for the library's one call: every program that uses the library
// has the id "systray" there, by which a panel keeps the person's wishes about an icon, and
// an id cannot be changed later.
AppIndicator *app_indicator_new(const gchar *id, const gchar *icon, AppIndicatorCategory category) {
	indicator = g_object_new(APP_INDICATOR_TYPE, "id", "keytender", "category", "ApplicationStatus", "icon-name", icon, NULL);
	return indicator;
}

static gboolean do_set_title(gpointer text) {
	if (indicator != NULL)
		app_indicator_set_title(indicator, text);
	free(text);
	return G_SOURCE_REMOVE;
}

static void set_title(char *text) { g_idle_add(do_set_title, text); }

// On a busy machine libayatana-appindicator may ask for the panel before it has the bus, and
// then asks nobody any more: the icon never shows (https://github.com/getlantern/systray/issues/236).
// A property that is set, although to what it is, has it ask again.
static gboolean do_ask_for_panel(gpointer tries) {
	gboolean connected = FALSE;
	gchar *icon = NULL;
	g_object_get(indicator, "connected", &connected, "icon-name", &icon, NULL);
	if (!connected)
		g_object_set(indicator, "icon-name", icon, NULL);
	g_free(icon);
	if (connected || --*(int *)tries == 0)
		return G_SOURCE_REMOVE;
	return G_SOURCE_CONTINUE;
}

static void ask_for_panel(void) {
	static int tries = 20;
	g_timeout_add_seconds(3, do_ask_for_panel, &tries);
}

// The library's connection to the session bus is the process's one: GIO hands out the
// same object to everybody.
static void stay_without_bus(void) {
	GDBusConnection *bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, NULL);
	if (bus != NULL) {
		g_dbus_connection_set_exit_on_close(bus, FALSE);
		g_object_unref(bus);
	}
}
*/
import "C"

import "github.com/getlantern/systray"

var nativeRun = systray.Run

// nativeSetTooltip sets the title: panels show it as the tooltip, and read it to people
// who do not see the icon. The library's own way would write it beside the icon too,
// and from a thread that is not GTK's.
func nativeSetTooltip(tip string) { C.set_title(C.CString(tip)) }

// nativeReady sees to it that the icon gets its panel, and keeps GIO from ending the whole
// program, by SIGTERM, when the session bus goes away: renewing goes on without it.
func nativeReady() {
	C.stay_without_bus()
	C.ask_for_panel()
}
