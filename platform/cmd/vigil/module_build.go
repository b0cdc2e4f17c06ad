package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/module"
)

func (c *cli) moduleBuild() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "build [DIR]",
		Short: "Build the module in a folder, its manifest and its vectors inside",
		Example: `  vigil module build modules/policies/threshold
  vigil module build . --out threshold.wasm`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			abs, err := filepath.Abs(dir)
			if err != nil {
				return fmt.Errorf("find %s: %w", dir, err)
			}
			if out == "" {
				out = filepath.Base(abs) + ".wasm"
			}
			if err := module.Build(cmd.Context(), abs, out); err != nil {
				return err
			}
			fmt.Fprintln(c.out, out)
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "write to this `file` (default the folder's name with .wasm)")
	return cmd
}
