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
		Short:   "List modules, what each has cost and who uses it",
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
			return c.print(mods, func(w io.Writer) { costRows(w, mods...) })
		},
	}
}

// moduleRows is what a module is and asks for.
func moduleRows(w io.Writer, mods ...vigil.Module) {
	row(w, "NAME", "VERSION", "KIND", "DIGEST", "SIZE", "SIGNED BY", "ASKS FOR")
	for _, m := range mods {
		row(w, m.Name, m.Version, m.Kind, short(m.Digest), sizeText(m.Size), orDash(m.SignedBy), asksFor(m))
	}
}

// costRows is moduleRows with what each module has cost since the collector was
// started.
func costRows(w io.Writer, mods ...vigil.Module) {
	row(w, "NAME", "VERSION", "KIND", "DIGEST", "SIZE", "FUEL", "TIME", "MEMORY", "TRAPS", "HELD BACK", "SIGNED BY", "USED BY", "ASKS FOR")
	for _, m := range mods {
		c := m.Cost
		if c == nil {
			c = &vigil.ModuleCost{}
		}
		row(w, m.Name, m.Version, m.Kind, short(m.Digest), megabytes(m.Size), fuelOf(c), timeOf(c), memoryOf(c), trapsOf(c), heldBack(c, time.Now()),
			orDash(m.SignedBy), someUsers(m.UsedBy), asksFor(m))
	}
}

func megabytes(size int) string { return fmt.Sprintf("%.1f MB", float64(size)/1e6) }

func asksFor(m vigil.Module) string {
	var asks []string
	for _, r := range m.Requires {
		asks = append(asks, r.Capability+" on "+r.Target)
	}
	return orDash(strings.Join(asks, ", "))
}

// fuelOf is what a sample costs, or a call of what judges no samples.
func fuelOf(c *vigil.ModuleCost) string {
	switch {
	case c.Asked == 0:
		return "-"
	case c.Samples > 0:
		return fmt.Sprintf("%.0f/sample", c.FuelPerSample)
	}
	return fmt.Sprintf("%.0f/call", c.FuelPerCall)
}

// timeOf is how long a call takes on average.
func timeOf(c *vigil.ModuleCost) string {
	if c.Asked == 0 {
		return "-"
	}
	mean := c.TimePerCall.D()
	digits := time.Nanosecond
	for mean/digits >= 100 { // two or three digits are enough
		digits *= 10
	}
	return mean.Round(digits).String() + "/call"
}

// memoryOf is the most memory that one instance had.
func memoryOf(c *vigil.ModuleCost) string {
	if c.Pages == 0 {
		return "-"
	}
	return fmt.Sprintf("%d pages", c.Pages)
}

// trapsOf is how often guests were ended, and why the last one was.
func trapsOf(c *vigil.ModuleCost) string {
	if c.Traps == 0 {
		return "-"
	}
	return fmt.Sprintf("%d, %s", c.Traps, c.LastTrap)
}

// heldBack is the end of a module's quarantine.
func heldBack(c *vigil.ModuleCost, now time.Time) string {
	if !now.Before(c.Quarantined) {
		return "-"
	}
	return "until " + c.Quarantined.Local().Format("15:04:05")
}

// someUsers is the first user of a module and how many there are besides.
func someUsers(users []string) string {
	if len(users) > 1 {
		return fmt.Sprintf("%s +%d", users[0], len(users)-1)
	}
	return orDash(strings.Join(users, ""))
}

// sizeText renders bytes as a table shows them: a module in C is small.
func sizeText(bytes int) string {
	if bytes < 1e6 {
		return fmt.Sprintf("%.1f KB", float64(bytes)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}
