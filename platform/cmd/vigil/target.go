package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) target() *cobra.Command {
	cmd := &cobra.Command{
		Use: "target", Short: "List known targets, protect and decommission them", Args: onlyCommands, RunE: help,
		Example: "  vigil target protect service:db@host-1\n  vigil target decommission host:host-1",
	}
	cmd.AddCommand(
		c.targetList(),
		c.mark("protect", "protected", "From now on nothing automatic acts on a target"),
		c.mark("unprotect", "unprotected", "Take a protection back"),
		c.mark("decommission", "decommissioned", "A target is gone for good: it counts in no group, and nothing automatic acts on it"),
		c.mark("recommission", "recommissioned", "A target is back"),
	)
	return cmd
}

func (c *cli) targetList() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the targets that policies know", Aliases: []string{"list"}, Args: cobra.NoArgs,
		Long: `List the targets that policies know: those with samples of the last 24 hours
(target_ttl), by policy and group. Groups are what caps, min_healthy and storms
count in.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			known, err := api.Targets(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(known, func(w io.Writer) { targetRows(w, known) })
		},
	}
}

func targetRows(w io.Writer, known []vigil.KnownTarget) {
	row(w, "TARGET", "HEALTH", "POLICY", "GROUP", "SEEN", "MARK")
	for _, k := range known {
		if len(k.Memberships) == 0 {
			row(w, k.Target, "-", "-", "-", "-", markOf(k.Mark))
		}
		for _, m := range k.Memberships {
			row(w, k.Target, m.Health, m.Policy, m.Group, ago(m.SeenAt), markOf(k.Mark))
		}
	}
}

func markOf(m vigil.Mark) string {
	var said []string
	if m.Protected {
		said = append(said, "protected")
	}
	if m.Decommissioned {
		said = append(said, "decommissioned")
	}
	if len(said) == 0 {
		return "-"
	}
	return strings.Join(said, ", ") + " by " + m.By
}

func (c *cli) mark(use, word, says string) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: use + " TARGET", Short: says, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := vigil.ParseTarget(args[0])
			if err != nil {
				return err
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			if err := api.MarkTarget(cmd.Context(), t, word, reason); err != nil {
				return err
			}
			return c.print(map[string]string{"target": t.String(), "mark": word}, func(w io.Writer) { row(w, t.String()+" is "+word) })
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	return cmd
}
