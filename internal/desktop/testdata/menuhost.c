/* menuhost NAME PATH shows a tray icon's menu in a window of its own, drawn by the library
   that GTK panels draw it with, so that it stands in the accessibility tree: panels take
   their tray menus out of that. It prints a line for each key once it has acted on it. */
#include <stdio.h>
#include <gtk/gtk.h>

GtkWidget *dbusmenu_gtkmenu_new(char *name, char *path); /* libdbusmenu-gtk3 */

static void act(GdkEvent *event, gpointer data)
{
	gtk_main_do_event(event);
	if (event->type == GDK_KEY_PRESS) {
		puts("key");
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	gtk_init(&argc, &argv);
	GtkWidget *window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
	GtkWidget *bar = gtk_menu_bar_new();
	GtkWidget *item = gtk_menu_item_new_with_label("Keytender");
	gtk_window_set_title(GTK_WINDOW(window), "menuhost");
	gtk_menu_item_set_submenu(GTK_MENU_ITEM(item), dbusmenu_gtkmenu_new(argv[1], argv[2]));
	gtk_menu_shell_append(GTK_MENU_SHELL(bar), item);
	gtk_container_add(GTK_CONTAINER(window), bar);
	gtk_widget_show_all(window);
	gdk_event_handler_set(act, NULL, NULL);
	gtk_main();
	return 0;
}
