package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) remediation() *cobra.Command {
	cmd := &cobra.Command{
		Use: "remediation", Short: "Read, approve and cancel remediations", Aliases: []string{"rem"}, Args: onlyCommands, RunE: help,
	}
	cmd.AddCommand(
		c.remediationList(), c.remediationShow(), c.remediationExport(),
		c.remediationApprove(),
		c.decide("deny", "Say no to a remediation that waits for a person", (*client.Client).Deny),
		c.decide("undo", "Take back the last deed of a remediation, by the undo of its step", (*client.Client).Undo),
		c.decide("cancel", "Cancel a remediation that has not started", (*client.Client).Cancel),
	)
	return cmd
}

func (c *cli) remediationList() *cobra.Command {
	var f client.Filter
	cmd := &cobra.Command{
		Use: "ls", Short: "List remediations, newest first", Aliases: []string{"list"}, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			rems, err := api.Remediations(cmd.Context(), f)
			if err != nil {
				return err
			}
			return c.print(rems, func(w io.Writer) {
				row(w, "ID", "STATE", "TARGET", "BY", "REASON", "WHEN")
				for _, r := range rems {
					row(w, r.ID, stateOf(r), r.Target, r.By, r.Reason, ago(r.CreatedAt))
				}
			})
		},
	}
	cmd.Flags().StringVar((*string)(&f.State), "state", "", "only those in this `state`")
	cmd.Flags().StringVar(&f.Target, "target", "", "only those of this `target`")
	cmd.Flags().StringVar(&f.Policy, "policy", "", "only those of this `policy`")
	cmd.Flags().IntVar(&f.Limit, "limit", 20, "at most this many")
	return cmd
}

func stateOf(r vigil.Remediation) string {
	if r.Hold != nil && !r.State.Final() {
		return fmt.Sprintf("%s (%s)", r.State, r.Hold.Reason)
	}
	return string(r.State)
}

// told is a remediation with its story, as -o json prints it.
type told struct {
	vigil.Remediation
	Story    string        `json:"story"`
	Timeline []audit.Entry `json:"timeline"`
}

func tell(r vigil.Remediation) told {
	sentence, timeline := audit.Story(r)
	return told{r, sentence, timeline}
}

func (c *cli) remediationShow() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "show [ID]",
		Short: "Tell the story of a remediation, the newest by default",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			id := ""
			if len(args) == 1 {
				id = args[0]
			} else if id, err = newest(cmd.Context(), api, watch); err != nil {
				return err
			}
			return c.tellStory(cmd.Context(), api, id, watch)
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "wait until the remediation has ended")
	return cmd
}

func (c *cli) tellStory(ctx context.Context, api *client.Client, id string, watch bool) error {
	var r vigil.Remediation
	var err error
	if watch {
		r, err = api.Await(ctx, id, func(r vigil.Remediation) bool { return r.State.Final() })
	} else {
		r, err = api.Remediation(ctx, id)
	}
	if err != nil {
		return err
	}
	t := tell(r)
	return c.print(t, func(w io.Writer) { drawStory(w, t) })
}

// newest finds the newest remediation. With wait it gives one that is about to
// begin some seconds to appear.
func newest(ctx context.Context, api *client.Client, wait bool) (string, error) {
	for until := time.Now().Add(10 * time.Second); ; {
		rems, err := api.Remediations(ctx, client.Filter{Limit: 1})
		if err != nil {
			return "", err
		}
		if len(rems) > 0 && (!wait || !rems[0].State.Final()) {
			return rems[0].ID, nil
		}
		if !wait || time.Now().After(until) {
			if len(rems) > 0 {
				return rems[0].ID, nil
			}
			return "", vigil.Errorf(vigil.NotFound, "remediation_unknown", "no remediation yet").Hinted("vigil demo burn backend")
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func drawStory(w io.Writer, t told) {
	fmt.Fprintln(w, plain(t.Story))
	fmt.Fprintln(w)
	for _, e := range t.Timeline {
		row(w, e.At.Local().Format("15:04:05.000"), "+"+brief(e.Since), e.What, e.Detail)
	}
	fmt.Fprintln(w)
	row(w, "remediation", t.ID)
	drawPreview(w, t.Preview)
	if len(t.Trace) > 35 {
		row(w, "trace", t.Trace[3:35])
	}
}

// brief rounds a time span to what a person compares.
func brief(d vigil.Duration) string {
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d.D() >= unit {
			return vigil.Duration(d.D().Round(unit / 100)).String()
		}
	}
	return "0s"
}

func (c *cli) decide(verb, says string, do func(*client.Client, context.Context, string) (vigil.Remediation, error)) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ID", Short: says, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			r, err := do(api, cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.print(r, func(w io.Writer) { row(w, r.ID, stateOf(r), r.Target) })
		},
	}
}
