// Package ending knows the signals that ask a program to end: both programs then finish
// what must not be cut short and end by themselves.
package ending

import (
	"os"
	"os/signal"
	"syscall"
)

// Notify sends the signals that ask for the end to c. A SIGHUP that whoever started us
// wants to be ignored stays so: that is all that nohup does. For SIGQUIT Go would print
// every stack and drop what is under way.
func Notify(c chan<- os.Signal) {
	for _, s := range Signals {
		if s != syscall.SIGHUP || !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
}

// Signals are those that ask for the end.
var Signals = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP}
