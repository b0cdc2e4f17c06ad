package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/wasm"
)

// compileCommand is how a collector starts itself as the compiler of one upload.
const compileCommand = "compile-module"

// status is the exit code of a command that has said all there is to say.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func (c *cli) compile() *cobra.Command {
	return &cobra.Command{
		Use:    compileCommand + " CACHE SECONDS BYTES",
		Short:  "Compile metered code from standard input into a cache, within limits",
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if code := wasm.CompileApart(cmd.Context(), args, c.in, c.err); code != 0 {
				return status(code)
			}
			return nil
		},
	}
}
