package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) notify() *cobra.Command {
	cmd := &cobra.Command{
		Use: "notify", Short: "Show what people are told, and try their channels", Args: onlyCommands, RunE: help,
		Long: `Show what people are told, and try their channels. The configuration names them:

  notify:
    channels:
      ops: {type: ntfy, url: https://ntfy.example, topic: vigil}
    routes:
      - {when: [needs_person], to: [ops]}

Without routes every channel is told what needs a person.`,
	}
	cmd.AddCommand(c.notifyList(), c.notifyChannels(), c.notifyTest())
	return cmd
}

func (c *cli) notifyList() *cobra.Command {
	var channel, state string
	var limit int
	cmd := &cobra.Command{
		Use: "ls", Short: "List messages and what became of them, newest first", Aliases: []string{"list"}, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			all, err := api.Notifications(cmd.Context(), channel, vigil.NotifyState(state), limit)
			if err != nil {
				return err
			}
			return c.print(all, func(w io.Writer) { drawNotices(w, all) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&channel, "channel", "", "only those of this `channel`")
	f.StringVar(&state, "state", "", "only those that are pending, sent, refused or dropped")
	f.IntVar(&limit, "limit", 50, "how many at most")
	return cmd
}

func drawNotices(w io.Writer, all []vigil.Notification) {
	if len(all) == 0 {
		row(w, "nothing was told to anybody")
		return
	}
	row(w, "AGE", "CHANNEL", "STATE", "TRIES", "VERB", "SUMMARY", "ANSWER")
	for _, n := range all {
		row(w, ago(n.At), cut(n.Channel, 20), n.State, n.Tries, n.Verb, cut(n.Summary, 90), cut(cmp.Or(n.Answer, "-"), 40))
	}
}

func (c *cli) notifyChannels() *cobra.Command {
	return &cobra.Command{
		Use: "channels", Short: "List the ways to people, and what each is told", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			all, err := api.Channels(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(all, func(w io.Writer) {
				if len(all) == 0 {
					row(w, "the configuration names no channel; see vigil notify --help")
					return
				}
				row(w, "CHANNEL", "TYPE", "IS TOLD")
				for _, ch := range all {
					row(w, ch.Name, ch.Type, cmp.Or(strings.Join(ch.Routes, "; "), "nothing"))
				}
			})
		},
	}
}

func (c *cli) notifyTest() *cobra.Command {
	return &cobra.Command{
		Use: "test CHANNEL", Short: "Send a test message through a channel", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			said, err := api.TestChannel(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !said.OK {
				return vigil.Errorf(vigil.Unavailable, "channel_failed", "channel %s did not take the message: %s", said.Channel, cmp.Or(said.Answer, "no answer")).
					Hinted("correct notify.channels.%s in the configuration and check it: vigil config check", said.Channel)
			}
			return c.print(said, func(w io.Writer) {
				row(w, fmt.Sprintf("channel %s took it in %s: %s", said.Channel, said.Took, cmp.Or(said.Answer, "no words")))
			})
		},
	}
}
