// Package histories holds what no single package can: that no login is lost, whatever a
// person, Claude Code, the disk and the network do in turn. Its tests drive the built
// command line alone, against the stand-in server, which ends a login whose spent refresh
// token comes again, and beside a Claude Code that is played by its facts. They know
// nothing of the engine. KTTEST_KEYTENDER names another program to be tried.
package histories
