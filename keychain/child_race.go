//go:build race

package keychain

// A child that the race detector watches is told the same as its parent.
func init() { childEnvironment = append(childEnvironment, "GORACE") }
