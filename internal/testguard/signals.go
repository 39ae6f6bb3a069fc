package testguard

import (
	"os"
	"os/signal"

	"keytender/internal/ending"
)

// heedSignals gives children every signal that asks for the end as it comes by itself. Tests
// that run in the background of a shell, or under nohup, inherit signals that are ignored, and
// so would each program that they start. Here they stay ignored: what is caught is dropped.
func heedSignals() {
	dropped := make(chan os.Signal, 1)
	for _, s := range ending.Signals {
		if signal.Ignored(s) {
			signal.Notify(dropped, s)
		}
	}
}
