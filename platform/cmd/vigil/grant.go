package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) grant() *cobra.Command {
	cmd := &cobra.Command{Use: "grant", Short: "Say what a module may do", Args: onlyCommands, RunE: help}
	cmd.AddCommand(c.grantAdd(), c.grantList())
	return cmd
}

func (c *cli) grantAdd() *cobra.Command {
	var expires vigil.Duration
	cmd := &cobra.Command{
		Use:   "add MODULE CAPABILITY TARGET",
		Short: "Grant a module one capability on targets",
		Long: `Grant a module one capability on the targets that a pattern names.

A grant belongs to the digest of the module's bytes: a new version of the same
module has no grants until somebody gives it some.`,
		Example: `  vigil grant add restart-service service.restart 'service:web-*'
  vigil grant add sha256:4f1c… service.restart service:db --expires 24h`,
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			g := vigil.Grant{Digest: args[0], Capability: args[1], Target: args[2]}
			if expires != 0 {
				g.Expires = time.Now().Add(expires.D()).UTC()
			}
			got, err := api.Grant(cmd.Context(), g)
			if err != nil {
				return err
			}
			return c.print(got, func(w io.Writer) { grantRows(w, got) })
		},
	}
	cmd.Flags().TextVar(&expires, "expires", vigil.Duration(0), "the grant ends after this `duration`")
	return cmd
}

func (c *cli) grantList() *cobra.Command {
	return &cobra.Command{
		Use: "ls [MODULE]", Short: "List grants", Aliases: []string{"list"}, Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			var of string
			if len(args) == 1 {
				m, err := api.Module(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				of = m.Digest
			}
			grants, err := api.Grants(cmd.Context(), of)
			if err != nil {
				return err
			}
			return c.print(grants, func(w io.Writer) { grantRows(w, grants...) })
		},
	}
}

func grantRows(w io.Writer, grants ...vigil.Grant) {
	row(w, "ID", "MODULE", "CAPABILITY", "TARGET", "EXPIRES", "BY")
	for _, g := range grants {
		until := "never"
		if !g.Expires.IsZero() {
			until = fmt.Sprint("in ", vigil.Duration(time.Until(g.Expires).Round(time.Second)))
		}
		row(w, g.ID, short(g.Digest), g.Capability, g.Target, until, g.By)
	}
}
