package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/app"
)

func (c *cli) collector() *cobra.Command {
	var d daemon
	cmd := &cobra.Command{
		Use:   "collector",
		Short: "Run a collector: ingest, history, policies, healer",
		Example: `  vigil collector --data /var/lib/vigil
  vigil collector --listen 127.0.0.1:9000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.start(cmd.Context(), &d, app.Options{Collector: true})
			if err != nil {
				return err
			}
			fmt.Fprintf(c.out, "vigil collector is up at %s, data in %s\n", a.CollectorURL, a.DataDir())
			return serve(cmd.Context(), a)
		},
	}
	d.flags(cmd, true, false)
	return cmd
}
