package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/app"
)

func (c *cli) remediator() *cobra.Command {
	var d daemon
	cmd := &cobra.Command{
		Use:   "remediator",
		Short: "Run a remediator: the hands, possibly on another host",
		Long: `Run a remediator. It leases remediations from its collector by long poll, so
that no port of this host need be reachable, and acts on the services that its
configuration names.`,
		Example: `  vigil remediator --collector http://127.0.0.1:8000 --config vigil.yaml`,
		Args:    onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.start(cmd.Context(), &d, app.Options{Remediator: true})
			if err != nil {
				return err
			}
			fmt.Fprintf(c.out, "vigil remediator is up at %s, working for %s\n", a.RemediatorURL, a.CollectorURL)
			return serve(cmd.Context(), a)
		},
	}
	d.flags(cmd, false, true)
	cmd.AddCommand(c.remediatorList())
	cmd.Flags().StringVar(&d.collector, "collector", "", "collector's `URL` (default that of --server)")
	return cmd
}

func (c *cli) remediatorList() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the remediators that the collector knows", Aliases: []string{"list"}, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			hands, err := api.Remediators(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(hands, func(w io.Writer) {
				row(w, "ID", "HOST", "SERVICES", "SEEN", "PAUSED")
				for _, h := range hands {
					paused := "-"
					if h.Paused != nil {
						paused = cut(h.Paused.Reason, 50)
					}
					row(w, h.ID, h.Host, len(h.Services), ago(h.SeenAt), paused)
				}
			})
		},
	}
}
