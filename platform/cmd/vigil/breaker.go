package main

import (
	"io"

	"github.com/spf13/cobra"
)

func (c *cli) breaker() *cobra.Command {
	cmd := &cobra.Command{Use: "breaker", Short: "Show what is stopped because too much went wrong, and let it go on", Args: onlyCommands, RunE: help}
	cmd.AddCommand(c.breakerList(), c.breakerReset())
	return cmd
}

func (c *cli) breakerList() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List what is stopped, and why", Aliases: []string{"list"}, Args: cobra.NoArgs,
		Long: `List what is stopped, and why:

  storm        too much of a group is unhealthy or silent; ends when that is over
  failing      an action failed on several targets: the policy may only suggest
  ineffective  a policy's remediations did not help a target

The last two end by vigil breaker reset POLICY.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			all, err := api.Breakers(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(all, func(w io.Writer) {
				row(w, "POLICY", "STATE", "WHY", "SINCE", "DETAIL")
				for _, b := range all {
					row(w, b.Policy, b.State, b.Why, ago(b.At), b.Detail)
				}
			})
		},
	}
}

func (c *cli) breakerReset() *cobra.Command {
	return &cobra.Command{
		Use: "reset POLICY", Short: "Let a stopped policy go on", Args: cobra.ExactArgs(1),
		Long: `Let a stopped policy go on. What it had waiting is dropped, and how things are now
decides: old events are never replayed.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			if err := api.ResetBreaker(cmd.Context(), args[0]); err != nil {
				return err
			}
			return c.print(map[string]string{"policy": args[0]}, func(w io.Writer) { row(w, "policy "+args[0]+" may go on") })
		},
	}
}
