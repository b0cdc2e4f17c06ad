package main

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) maintenance() *cobra.Command {
	cmd := &cobra.Command{
		Use: "maintenance", Short: "Set times in which no action starts", Args: onlyCommands, RunE: help,
		Example: `  vigil maintenance add backup --cron '0 2 * * SUN' --duration 2h --tz Europe/Berlin --target host:db-2
  vigil maintenance add new-disks --for 30m`,
	}
	cmd.AddCommand(c.maintenanceAdd(), c.maintenanceList(), c.maintenanceRemove())
	return cmd
}

func (c *cli) maintenanceAdd() *cobra.Command {
	var w client.MaintenanceWish
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Set a window of maintenance, again and again or for once",
		Long: `Set a window of maintenance: by a schedule of cron, each time for a duration, on
the clocks of a time zone; or once, from a time until another. While it is open
no action starts that it covers; when it closes, Vigil looks at how things are
then. Where the clocks skip the time of an opening, it opens as they jump.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := sensible(cmd, "for", w.For); err != nil {
				return err
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			w.Name = args[0]
			set, err := api.SetMaintenance(cmd.Context(), w)
			if err != nil {
				return err
			}
			return c.print(set, func(out io.Writer) { drawWindows(out, []vigil.Window{set}) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&w.Cron, "cron", "", "when it opens: minute hour day month weekday, for example '0 2 * * SUN'")
	f.TextVar(&w.Duration, "duration", vigil.Duration(0), "how long each opening lasts, for example 2h")
	f.StringVar(&w.TZ, "tz", "", "whose clocks the schedule means, for example Europe/Berlin (default UTC)")
	f.TextVar(&w.For, "for", vigil.Duration(0), "for once: how long, for example 30m")
	f.TextVar(&w.From, "from", time.Time{}, "for once: from `when`, for example 2026-01-31T22:00:00Z (default now)")
	f.TextVar(&w.Until, "until", time.Time{}, "for once: until `when`")
	f.Lookup("from").DefValue, f.Lookup("until").DefValue = "", ""
	f.StringVar(&w.Policy, "policy", "", "only what this `policy` asks for")
	f.StringVar(&w.Target, "target", "", "only targets that fit this `pattern`, for example service:web@* or host:db-2")
	f.StringVar(&w.Reason, "reason", "", "why, for everybody who wonders")
	return cmd
}

func (c *cli) maintenanceList() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List windows of maintenance", Aliases: []string{"list"}, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			windows, err := api.Maintenance(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(windows, func(w io.Writer) { drawWindows(w, windows) })
		},
	}
}

func drawWindows(w io.Writer, windows []vigil.Window) {
	if len(windows) == 0 {
		row(w, "no maintenance is planned")
		return
	}
	row(w, "NAME", "STATE", "COVERS", "WHEN", "OPENS", "REASON")
	for _, m := range windows {
		row(w, m.Name, openness(m), cut(m.Scope.Says(), 30), schedule(m), clock(m.OpensAt), cut(m.Reason, 40))
	}
}

// openness says how a window stands.
func openness(m vigil.Window) string {
	switch {
	case !m.Open:
		return "closed"
	case m.ClosesAt.IsZero():
		return "OPEN until removed"
	}
	return "OPEN until " + clock(m.ClosesAt)
}

func schedule(m vigil.Window) string {
	if m.Cron == "" {
		return "once"
	}
	zone := m.TZ
	if zone == "" {
		zone = "UTC"
	}
	return m.Cron + " " + zone + " for " + m.Duration.String()
}

func (c *cli) maintenanceRemove() *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME", Short: "Remove a window of maintenance", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			return api.RemoveMaintenance(cmd.Context(), args[0])
		},
	}
}
