// Command bareread prints the file that it is given: the least that a Go program which
// reads one can cost. `make bench` holds the command line against it.
package main

import "os"

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		os.Exit(1)
	}
	_, _ = os.Stdout.Write(data)
}
