//go:build !notray && !fynetray && cgo

package toolkit

/*
#cgo pkg-config: ayatana-appindicator3-0.1
#include <libayatana-appindicator/app-indicator.h>
#include <stdlib.h>

static AppIndicator *indicator; // the library's own, which it shows to nobody
static GDBusConnection *bus;    // the library's own too, see stay_without_bus
static gboolean taken;          // a panel has said that it shows the icon

static void note_panel(AppIndicator *from, gboolean connected, gpointer unused) { taken = connected; }

// app_indicator_new stands here before the function of that name in
// libayatana-appindicator, for the library's one call: every program that uses the library
// has the id "systray" there, by which a panel keeps the person's wishes about an icon, and
// an id cannot be changed later.
AppIndicator *app_indicator_new(const gchar *id, const gchar *icon, AppIndicatorCategory category) {
	indicator = g_object_new(APP_INDICATOR_TYPE, "id", "keytender", "category", "ApplicationStatus", "icon-name", icon, NULL);
	g_signal_connect(indicator, APP_INDICATOR_SIGNAL_CONNECTION_CHANGED, G_CALLBACK(note_panel), NULL);
	return indicator;
}

static gboolean do_set_title(gpointer text) {
	if (indicator != NULL)
		app_indicator_set_title(indicator, text);
	free(text);
	return G_SOURCE_REMOVE;
}

static void set_title(char *text) { g_idle_add(do_set_title, text); }

static void note_answer(GObject *from, GAsyncResult *result, gpointer unused) {
	GVariant *answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(from), result, NULL);
	if (answer != NULL) {
		taken = TRUE;
		g_variant_unref(answer);
	}
}

// On a busy machine libayatana-appindicator may ask for the panel before it has the bus, and
// then asks nobody any more: the icon never shows (https://github.com/getlantern/systray/issues/236).
// A property that is set, although to what it is, has it put the icon on the bus; then it is asked
// for here too, until a panel has answered: for a minute often, and then once a minute.
static gboolean ask_for_panel(gpointer unused) {
	static int tries = 20;
	gchar *icon = NULL;
	if (taken || bus == NULL)
		return G_SOURCE_REMOVE;
	g_object_get(indicator, "icon-name", &icon, NULL);
	g_object_set(indicator, "icon-name", icon, NULL);
	g_free(icon);
	g_dbus_connection_call(bus, "org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher",
		"org.kde.StatusNotifierWatcher", "RegisterStatusNotifierItem",
		g_variant_new("(s)", "/org/ayatana/NotificationItem/keytender"), NULL,
		G_DBUS_CALL_FLAGS_NO_AUTO_START, 10000, NULL, note_answer, NULL);
	if (tries == 0 || --tries > 0)
		return G_SOURCE_CONTINUE;
	g_timeout_add_seconds(60, ask_for_panel, NULL);
	return G_SOURCE_REMOVE;
}

// The library's connection to the session bus is the process's one: GIO hands out the
// same object to everybody.
static void stay_without_bus(void) {
	bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, NULL);
	if (bus != NULL)
		g_dbus_connection_set_exit_on_close(bus, FALSE);
}

static void await_panel(void) { g_timeout_add_seconds(3, ask_for_panel, NULL); }
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
	C.await_panel()
}
