package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) pause() *cobra.Command {
	var w client.PauseWish
	cmd := &cobra.Command{
		Use:   "pause",
		Short: "Hold new actions back: of a policy, of some targets, or all",
		Long: `Hold new actions back. What runs may finish; once this returns nothing new
starts, until a person resumes or the time is over. Several may hold a pause
at once, and it ends when the last of them lifts it.`,
		Example: `  vigil pause --reason 'moving house'                    everything
  vigil pause --for 1h --policy cpu-high --reason 'load test'
  vigil pause --target 'service:*@db-*' --holder change-7 --reason 'new disks'`,
		Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := sensible(cmd, "for", w.For); err != nil {
				return err
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			p, err := api.Pause(cmd.Context(), w)
			if err != nil {
				return err
			}
			return c.print(p, func(out io.Writer) { row(out, "PAUSED: "+p.Scope.Says(), "by "+p.Holder, lasts(p), p.ID) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&w.Reason, "reason", "", "why, for everybody who wonders")
	f.StringVar(&w.Holder, "holder", "", "`who` wants it, for example a change's number (default you)")
	f.StringVar(&w.Policy, "policy", "", "only what this `policy` asks for")
	f.StringVar(&w.Target, "target", "", "only targets that fit this `pattern`, for example service:web@* or host:db-2")
	f.TextVar(&w.For, "for", vigil.Duration(0), "how long, for example 1h (default until somebody resumes)")
	cmd.AddCommand(c.pauseList())
	return cmd
}

// sensible refuses a time that would be over at once. One that was not given is
// left to its default.
func sensible(cmd *cobra.Command, flag string, d vigil.Duration) error {
	if cmd.Flags().Changed(flag) && d <= 0 {
		return usageError{fmt.Errorf("--%s %s would be over at once; give a time such as 1h", flag, d)}
	}
	return nil
}

// lasts says when a pause ends.
func lasts(p vigil.Pause) string {
	if p.Expires.IsZero() {
		return "until resumed"
	}
	return "until " + clock(p.Expires)
}

// clock is a time to come as people read it: of this day without the day.
func clock(t time.Time) string {
	switch {
	case t.IsZero():
		return "-"
	case time.Until(t) < 20*time.Hour:
		return t.Local().Format("15:04:05")
	}
	return t.Local().Format("Mon 2 Jan 15:04")
}

func (c *cli) pauseList() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List pauses, oldest first", Aliases: []string{"list"}, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			pauses, err := api.Pauses(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(pauses, func(w io.Writer) { drawPauses(w, pauses) })
		},
	}
}

func drawPauses(w io.Writer, pauses []vigil.Pause) {
	if len(pauses) == 0 {
		row(w, "nobody holds a pause")
		return
	}
	row(w, "ID", "HOLDER", "COVERS", "SINCE", "LASTS", "REASON")
	for _, p := range pauses {
		row(w, p.ID, cut(p.Holder, 20), cut(p.Scope.Says(), 30), ago(p.At), lasts(p), cut(p.Reason, 60))
	}
}

func (c *cli) resume() *cobra.Command {
	return &cobra.Command{
		Use:   "resume [HOLDER|ID]",
		Short: "Lift a pause, or all of a holder",
		Long: `Lift a pause by its id, or all pauses of a holder. Without an argument, those of
the one holder there is. Vigil then acts on how things are now.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			pauses, err := api.Pauses(cmd.Context())
			if err != nil {
				return err
			}
			who := strings.Join(args, "")
			if len(args) == 0 {
				if who, err = onlyHolder(pauses); err != nil {
					return err
				}
			}
			remain, err := api.Resume(cmd.Context(), who)
			if err != nil {
				return err
			}
			return c.print(remain, func(w io.Writer) {
				row(w, who+" holds no pause any more")
				if len(remain) > 0 {
					row(w, "others do:")
					drawPauses(w, remain)
				}
			})
		},
	}
}

// onlyHolder is who holds every pause there is. Whose pause ends is never a
// guess between two.
func onlyHolder(pauses []vigil.Pause) (string, error) {
	var holders []string
	for _, p := range pauses {
		holders = append(holders, p.Holder)
	}
	slices.Sort(holders)
	holders = slices.Compact(holders)
	switch len(holders) {
	case 0:
		return "", vigil.Errorf(vigil.NotFound, "pause_not_found", "nobody holds a pause").Hinted("vigil status shows what holds actions back")
	case 1:
		return holders[0], nil
	}
	return "", usageError{fmt.Errorf("several hold a pause: %s; say whose ends: vigil resume HOLDER", strings.Join(holders[:min(len(holders), 10)], ", "))}
}
