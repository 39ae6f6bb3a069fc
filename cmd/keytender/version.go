package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"keytender/internal/version"
)

func newVersion(c *console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, and the commit and day it was built from",
		Args:  noArguments,
		RunE:  func(*cobra.Command, []string) error { return c.printVersion(asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	return cmd
}

func (c *console) printVersion(asJSON bool) error {
	build := version.Of()
	if asJSON {
		return c.result(map[string]any{"schemaVersion": 1, "version": build.Number, "commit": build.Commit,
			"date": build.Date})
	}
	_, err := fmt.Fprintln(c.out, "keytender", build)
	return err
}
