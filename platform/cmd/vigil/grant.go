package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) grant() *cobra.Command {
	cmd := &cobra.Command{Use: "grant", Short: "Say what a module may do", Args: onlyCommands, RunE: help}
	cmd.AddCommand(c.grantAdd(), c.grantList(), c.grantRevoke(), c.grantDiff())
	return cmd
}

func (c *cli) grantAdd() *cobra.Command {
	var expires vigil.Duration
	var budget vigil.Rate
	cmd := &cobra.Command{
		Use:   "add MODULE CAPABILITY TARGET",
		Short: "Grant a module one capability on targets",
		Long: `Grant a module one capability on the targets that a pattern names.

A grant belongs to the digest of the module's bytes. A newer version keeps it
only if it asks for nothing more; see vigil grant diff. What no call of the
module could ever match is refused: a capability that its manifest does not
require, a kind of target that the capability does not act on, an endpoint or
command that no configuration names.`,
		Example: `  vigil grant add restart-service service.restart 'service:web-*'
  vigil grant add restart-service service.restart 'service:*' --budget 3/1h
  vigil grant add sha256:4f1c… service.restart service:db --expires 24h`,
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			g := vigil.Grant{Digest: args[0], Capability: args[1], Target: args[2], Budget: budget}
			if expires != 0 {
				g.Expires = time.Now().Add(expires.D()).UTC()
			}
			got, err := api.Grant(cmd.Context(), g)
			if err != nil {
				return err
			}
			if got.Warning != "" {
				fmt.Fprintln(c.err, "warning: "+plain(got.Warning))
			}
			return c.printGrants(cmd.Context(), api, got, got)
		},
	}
	cmd.Flags().TextVar(&budget, "budget", vigil.Rate{}, "at most this `rate` on each host, for example 3/1h (default without limit)")
	cmd.Flags().TextVar(&expires, "expires", vigil.Duration(0), "the grant ends after this `duration`")
	for _, name := range []string{"budget", "expires"} {
		cmd.Flags().Lookup(name).DefValue = "" // no default is worth showing
	}
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
			return c.printGrants(cmd.Context(), api, grants, grants...)
		},
	}
}

func (c *cli) grantRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "rm ID", Short: "Take a grant back", Aliases: []string{"revoke"}, Args: cobra.ExactArgs(1),
		Long: `Take a grant back, also from an action that runs: its next host call is denied.
One that is under way ends. A remediator that cannot reach the collector goes by
what it heard last, for at most nine seconds.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			if err := api.Revoke(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(c.err, "grant %s revoked\n", args[0])
			return nil
		},
	}
}

func (c *cli) grantDiff() *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Compare what two modules ask for",
		Long: `Compare what two modules ask for, and say whether an upgrade from the one to the
other keeps the grants: it does if the new one asks for nothing that the old one
did not ask for. Each is a name, name@version or digest.

The exit code is 0 when both are there, whatever they ask for; with --exit-code
it is 1 when an upgrade would keep no grant.`,
		Example: `  vigil grant diff restart-service@1.0.0 restart-service
  vigil grant diff restart-service@1.0.0 restart-service --exit-code -o json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			d, err := api.DiffGrants(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if err := c.print(d, func(w io.Writer) { diffRows(w, d) }); err != nil || !strict || d.Reason == "" {
				return err
			}
			return vigil.Errorf(vigil.Invalid, "grants_not_kept", "an upgrade keeps no grant: %s", d.Reason)
		},
	}
	cmd.Flags().BoolVar(&strict, "exit-code", false, "end with 1 when an upgrade would keep no grant")
	return cmd
}

func diffRows(w io.Writer, d vigil.CapabilityDiff) {
	row(w, "", "CAPABILITY", "TARGET", "WHY")
	for _, part := range []struct {
		mark string
		asks []vigil.Requirement
	}{{"+", d.Added}, {"-", d.Removed}, {"=", d.Kept}} {
		for _, r := range part.asks {
			row(w, part.mark, r.Capability, r.Target, r.Why)
		}
	}
	if d.Reason == "" {
		fmt.Fprintf(w, "an upgrade keeps the grants (%d)\n", len(d.Grants))
		return
	}
	fmt.Fprintf(w, "an upgrade keeps no grant: %s\n", plain(d.Reason))
}

// printGrants prints grants for people with the names of their modules.
func (c *cli) printGrants(ctx context.Context, api *client.Client, data any, grants ...vigil.Grant) error {
	mods, err := api.Modules(ctx)
	if err != nil {
		return err
	}
	names := make(map[string]string, len(mods))
	for _, m := range mods {
		names[m.Digest] = m.Name + "@" + m.Version
	}
	return c.print(data, func(w io.Writer) { grantRows(w, names, grants...) })
}

func grantRows(w io.Writer, names map[string]string, grants ...vigil.Grant) {
	row(w, "ID", "MODULE", "DIGEST", "CAPABILITY", "TARGET", "BUDGET", "EXPIRES", "BY")
	for _, g := range grants {
		until, budget := "never", "-"
		if g.Budget.N > 0 {
			budget = g.Budget.String()
		}
		if !g.Expires.IsZero() {
			until = fmt.Sprint("in ", vigil.Duration(time.Until(g.Expires).Round(time.Second)))
			if left := time.Until(g.Expires); left <= 0 {
				until = "over"
			}
		}
		row(w, g.ID, orDash(names[g.Digest]), short(g.Digest), g.Capability, g.Target, budget, until, g.By)
	}
}
