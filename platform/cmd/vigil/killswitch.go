package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/client"
)

func (c *cli) killswitch() *cobra.Command {
	var reason string
	set := func(use, says string, engaged bool) *cobra.Command {
		cmd := &cobra.Command{
			Use: use, Short: says, Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				api, err := c.client()
				if err != nil {
					return err
				}
				k, err := api.SetKillSwitch(cmd.Context(), engaged, reason)
				if err != nil {
					return err
				}
				return c.print(k, switchRow(k))
			},
		}
		cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
		return cmd
	}
	cmd := &cobra.Command{
		Use: "killswitch", Short: "Stop every new action, or let them start again", Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			k, err := api.KillSwitch(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(k, switchRow(k))
		},
	}
	cmd.AddCommand(
		set("engage", "From now on no new action starts", true),
		set("lift", "Actions may start again", false),
	)
	return cmd
}

func switchRow(k client.KillSwitch) func(io.Writer) {
	return func(w io.Writer) {
		if !k.Engaged {
			row(w, "not engaged: actions may start")
			return
		}
		row(w, "ENGAGED: no new action starts", "since "+ago(k.At), "by "+k.By, k.Reason)
	}
}
