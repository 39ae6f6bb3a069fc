//go:build !notray && !fynetray && cgo

package toolkit

/*
#cgo pkg-config: ayatana-appindicator3-0.1
#include <libayatana-appindicator/app-indicator.h>
#include <stdlib.h>

static AppIndicator *indicator; // the library's own, which it shows to nobody

static gboolean note_indicator(GSignalInvocationHint *hint, guint n, const GValue *values, gpointer data) {
	indicator = APP_INDICATOR(g_value_get_object(&values[0]));
	return FALSE; // once
}

// find_indicator learns of it from its first signal: it becomes active before the loop runs.
static void find_indicator(void) {
	g_type_class_ref(APP_INDICATOR_TYPE);
	g_signal_add_emission_hook(g_signal_lookup(APP_INDICATOR_SIGNAL_NEW_STATUS, APP_INDICATOR_TYPE), 0, note_indicator, NULL, NULL);
}

static gboolean do_set_title(gpointer text) {
	if (indicator != NULL)
		app_indicator_set_title(indicator, text);
	free(text);
	return G_SOURCE_REMOVE;
}

static void set_title(char *text) { g_idle_add(do_set_title, text); }

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

func nativeRun(ready, exit func()) {
	C.find_indicator()
	systray.Run(ready, exit)
}

// nativeSetTooltip sets the title: panels show it as the tooltip, and read it to people
// who do not see the icon. The library's own way would write it beside the icon too,
// and from a thread that is not GTK's.
func nativeSetTooltip(text string) { C.set_title(C.CString(text)) }

// nativeReady keeps GIO from ending the whole program, by SIGTERM, when the session bus
// goes away: renewing goes on without it.
func nativeReady() { C.stay_without_bus() }
