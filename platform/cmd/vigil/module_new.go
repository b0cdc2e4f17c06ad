package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/module/scaffold"
	"github.com/techmedaddy/vigil/sdk"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// begun is what module new prints as data.
type begun struct {
	Name  string           `json:"name"`
	Kind  vigil.ModuleKind `json:"kind"`
	Dir   string           `json:"dir"`
	Files []string         `json:"files"`
}

func (c *cli) moduleNew() *cobra.Command {
	var lang, kind string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Begin a module in a new folder, with tests that pass",
		Long: `Begin a module in a new folder, with tests that pass.

The folder holds all it needs, the SDK's source too: it builds without a network
and outside of Vigil's repository.`,
		Example: `  vigil module new queue-long
  vigil module new --lang c --kind action drain`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := args[0]
			files, err := scaffold.Write(name, scaffold.Beginning{Name: name, Kind: vigil.ModuleKind(kind), Lang: lang, SDK: sdk.Source})
			if err != nil {
				return err
			}
			if err := c.print(begun{name, vigil.ModuleKind(kind), name, files}, func(w io.Writer) {
				for _, f := range files {
					row(w, name+"/"+f)
				}
			}); err != nil {
				return err
			}
			fmt.Fprintf(c.err, "now: cd %s && vigil module test && vigil module build\n", name)
			return nil
		},
	}
	cmd.Flags().StringVar(&lang, "lang", "go", "write it in this `language`: go or c")
	cmd.Flags().StringVar(&kind, "kind", "policy", "make this `kind` of module: policy or action")
	return cmd
}
