package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) why() *cobra.Command {
	return &cobra.Command{
		Use:   "why TARGET|EPISODE|REMEDIATION|POLICY",
		Short: "Say why Vigil did, or did not, act",
		Long: `Say why Vigil did, or did not, act: what a policy found, what was done about it,
what holds it back, and when that is looked at again.

Of a policy it tells what it was kept from speaking of, such as a series that names
no target. Of a target it tells the newest episode of each policy; without a host, those of
all hosts.`,
		Example: "  vigil why service:web\n  vigil why rem-4k2j9q8x7m",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			said, err := api.Why(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.print(said, func(w io.Writer) { answersTo(w, said) })
		},
	}
}

func answersTo(w io.Writer, said vigil.Reasons) {
	for i, a := range said.Answers {
		if i > 0 {
			row(w)
		}
		for _, s := range a.Sentences {
			row(w, s)
		}
		if a.Next != "" {
			row(w, "See: "+a.Next)
		}
	}
	if len(said.Answers) == 0 {
		row(w, "No policy has found "+said.About+" bad of late, so there was nothing to do. These watch it:")
		targetRows(w, said.Watched)
	}
}
