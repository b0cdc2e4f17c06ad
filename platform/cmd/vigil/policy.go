package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxPolicy bounds a policy document, in bytes.
const maxPolicy = 1 << 20

func (c *cli) policy() *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Apply, list and change policies", Args: onlyCommands, RunE: help}
	cmd.AddCommand(c.policyApply(), c.policyList(), c.policyShow(), c.policyMode(), c.policyStats(), c.policyPromote(), c.policyRemove())
	return cmd
}

func (c *cli) policyApply() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:     "apply -f FILE",
		Short:   "Apply a policy from a YAML or JSON file",
		Example: "  vigil policy apply -f cpu-high.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			doc, err := readBounded(file, maxPolicy)
			if err != nil {
				return err
			}
			p, err := config.Policy(file, doc)
			if err != nil {
				return err
			}
			return config.Pointed(file, doc, c.apply(cmd, p))
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "policy `file`; - reads standard input")
	_ = cmd.MarkFlagRequired("file") // fails only for a flag that does not exist
	return cmd
}

// apply sends a policy and says what became of it.
func (c *cli) apply(cmd *cobra.Command, p vigil.Policy) error {
	doc, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode policy: %w", err)
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	got, _, err := api.ApplyPolicy(cmd.Context(), p.Name, "application/json", doc)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.err, "policy %s %s, revision %d\n", got.Name, plain(got.Applied), got.Revision)
	if got.Mode == vigil.Shadow {
		fmt.Fprintf(c.err, "it decides and records only; let it act with: vigil policy mode %s auto\n", got.Name)
	}
	if err := c.sayWhatIsDenied(cmd.Context(), api, got); err != nil {
		return err
	}
	return c.print(got, func(w io.Writer) { policyRows(w, nil, got) })
}

// sayWhatIsDenied names the policy's module and the actions of its runbook that
// may do nothing yet, and what to type to let them.
func (c *cli) sayWhatIsDenied(ctx context.Context, api *client.Client, p client.AppliedPolicy) error {
	var told []string
	if err := c.sayIfDenied(ctx, api, "module", p.Digest); err != nil {
		return err
	}
	for i := range p.Runbook {
		for step := &p.Runbook[i]; step != nil; step = step.Undo {
			if slices.Contains(told, step.Action) {
				continue
			}
			told = append(told, step.Action)
			if err := c.sayIfDenied(ctx, api, "action", step.Action); err != nil {
				return err
			}
		}
	}
	return nil
}

// sayIfDenied speaks of a module that asks for something and was granted nothing.
func (c *cli) sayIfDenied(ctx context.Context, api *client.Client, role, name string) error {
	m, err := api.Module(ctx, name)
	if err != nil || len(m.Requires) == 0 {
		return err
	}
	have, err := api.Grants(ctx, m.Digest)
	if err != nil || len(have) > 0 {
		return err
	}
	fmt.Fprintf(c.err, "its %s %s may do nothing yet; grant what it asks for:\n", role, plain(m.Name))
	c.sayHowToGrant(m)
	return nil
}

func policyRows(w io.Writer, stopped []vigil.Breaker, rows ...client.AppliedPolicy) {
	row(w, "NAME", "MODE", "MODULE", "SELECT", "TARGET")
	for _, p := range rows {
		row(w, p.Name, modeInForce(p.Policy, stopped), p.Module, cut(p.Select.String(), 28), cut(p.Target, 28))
	}
}

// modeInForce is a policy's mode, and what breakers have made of it. One whose
// action keeps failing may only suggest; a storm stops it in a group, help that
// does not help on a target.
func modeInForce(p vigil.Policy, stopped []vigil.Breaker) string {
	var whys []string
	mode := p.Mode
	for _, b := range stopped {
		if b.Policy != p.Name || slices.Contains(whys, b.Why) {
			continue
		}
		whys = append(whys, b.Why)
		if b.Why == vigil.WhyFailing && mode == vigil.Auto {
			mode = vigil.Suggest
		}
	}
	if len(whys) == 0 {
		return string(mode)
	}
	return fmt.Sprintf("%s (%s)", mode, strings.Join(whys, ", "))
}

func (c *cli) policyList() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List policies", Aliases: []string{"list"}, Args: cobra.NoArgs,
		Long: `List policies with the mode that is in force. What stands behind it in brackets is
why a breaker has tripped. For more: vigil breaker ls.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			rows, err := api.Policies(cmd.Context())
			if err != nil {
				return err
			}
			stopped, err := api.Breakers(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(rows, func(w io.Writer) { policyRows(w, stopped, rows...) })
		},
	}
}

func (c *cli) policyShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a policy with every default", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			p, err := api.Policy(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			text, err := config.YAML(p)
			if err != nil {
				return err
			}
			return c.print(p, func(w io.Writer) { _, _ = w.Write(text) })
		},
	}
}

func (c *cli) policyMode() *cobra.Command {
	return &cobra.Command{
		Use:       "mode NAME MODE",
		Short:     "Set how far a policy may go: disabled, shadow, suggest or auto",
		Example:   "  vigil policy mode cpu-high shadow",
		ValidArgs: []string{"disabled", "shadow", "suggest", "auto"},
		Args:      cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			got, err := api.Policy(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			p := got.Policy
			p.Mode = vigil.Mode(args[1])
			if err := p.Check(); err != nil {
				return err
			}
			return c.apply(cmd, p)
		},
	}
}

func (c *cli) policyRemove() *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME", Short: "Remove a policy", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			if err := api.DeletePolicy(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(c.err, "policy %s removed\n", args[0])
			return nil
		},
	}
}
