package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/module/builtin"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
)

// moduleWarm compiles the binary's own modules into the cache, so that the
// first start need not.
func (c *cli) moduleWarm() *cobra.Command {
	return &cobra.Command{
		Use:   "warm",
		Short: "Compile the built-in modules into the cache",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := cacheDir()
			if err != nil {
				return err
			}
			engine, err := wasm.New(cmd.Context(), wasm.Options{CacheDir: dir})
			if err != nil {
				return err
			}
			defer engine.Close(cmd.Context())
			mods, err := builtin.Modules()
			if err != nil {
				return err
			}
			for _, m := range mods {
				if _, err := engine.Check(cmd.Context(), m.Wasm); err != nil {
					return fmt.Errorf("compile %s: %w", m.Name, err)
				}
			}
			fmt.Fprintf(c.out, "%d modules compiled\n", len(mods))
			return nil
		},
	}
}
