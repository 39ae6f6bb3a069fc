//go:build !notray && !fynetray && cgo

package tray

/*
#cgo pkg-config: gio-2.0
#include <gio/gio.h>

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

// stayWithoutBus keeps GIO from ending the whole program, by SIGTERM, when the session
// bus goes away: renewing goes on without it.
func stayWithoutBus() { C.stay_without_bus() }
