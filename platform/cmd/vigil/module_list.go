package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) moduleList() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List modules",
		Aliases: []string{"list"},
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			mods, err := api.Modules(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(mods, func(w io.Writer) { moduleRows(w, mods...) })
		},
	}
}

func moduleRows(w io.Writer, mods ...vigil.Module) {
	row(w, "NAME", "VERSION", "KIND", "DIGEST", "SIZE", "FUEL", "USED BY", "ASKS FOR")
	for _, m := range mods {
		var asks []string
		for _, r := range m.Requires {
			asks = append(asks, r.Capability+" on "+r.Target)
		}
		row(w, m.Name, m.Version, m.Kind, short(m.Digest), fmt.Sprintf("%.1f MB", float64(m.Size)/1e6), fuelOf(m.Cost), someUsers(m.UsedBy), orDash(strings.Join(asks, ", ")))
	}
}

// fuelOf is what a sample costs, or a call of what judges no samples; and that
// the module is shut out, if it is.
func fuelOf(c *vigil.ModuleCost) string {
	switch {
	case c == nil || c.Calls == 0:
		return "-"
	case time.Now().Before(c.Quarantined):
		return "quarantined: " + c.LastTrap
	case c.Samples > 0:
		return fmt.Sprintf("%.0f/sample", c.FuelPerSample)
	}
	return fmt.Sprintf("%d/call", c.Fuel/c.Calls)
}

// someUsers is the first user of a module and how many there are besides.
func someUsers(users []string) string {
	if len(users) > 1 {
		return fmt.Sprintf("%s +%d", users[0], len(users)-1)
	}
	return orDash(strings.Join(users, ""))
}
