package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// standing is how a collector stands, as -o json prints it.
type standing struct {
	KillSwitch  client.KillSwitch   `json:"kill_switch"`
	Pauses      []vigil.Pause       `json:"pauses"`
	Maintenance []vigil.Window      `json:"maintenance"` // the open windows
	Open        []vigil.Remediation `json:"open"`        // remediations that have not ended
	Policies    map[vigil.Mode]int  `json:"policies"`
	Remediators []vigil.Remediator  `json:"remediators"`
	Storage     finding             `json:"storage"`
}

func (c *cli) status() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show what holds actions back, what is under way and who can act",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			s, err := stand(cmd.Context(), api)
			if err != nil {
				return err
			}
			return c.print(s, func(w io.Writer) { drawStanding(w, s) })
		},
	}
}

// stand asks the collector for everything. A store that takes no writes can
// still be read.
func stand(ctx context.Context, api *client.Client) (s standing, err error) {
	s = standing{Pauses: []vigil.Pause{}, Maintenance: []vigil.Window{}, Open: []vigil.Remediation{}, Policies: map[vigil.Mode]int{}}
	err = api.Ready(ctx)
	if vigil.CodeOf(err) == "server_unreachable" {
		return s, err
	}
	s.Storage = judge("storage", "takes writes", err)
	if s.KillSwitch, err = api.KillSwitch(ctx); err != nil {
		return s, err
	}
	if s.Pauses, err = api.Pauses(ctx); err != nil {
		return s, err
	}
	windows, err := api.Maintenance(ctx)
	if err != nil {
		return s, err
	}
	for _, m := range windows {
		if m.Open {
			s.Maintenance = append(s.Maintenance, m)
		}
	}
	if s.Remediators, err = api.Remediators(ctx); err != nil {
		return s, err
	}
	policies, err := api.Policies(ctx)
	if err != nil {
		return s, err
	}
	for _, p := range policies {
		s.Policies[p.Mode]++
	}
	return s, s.fillOpen(ctx, api)
}

// mostOpen bounds the open remediations that are asked for, in each state.
const mostOpen = 1000

func (s *standing) fillOpen(ctx context.Context, api *client.Client) error {
	for _, t := range vigil.Machine() {
		if t.From.Final() && t.From != vigil.Unknown {
			continue
		}
		rems, err := api.Remediations(ctx, client.Filter{State: t.From, Limit: mostOpen})
		if err != nil {
			return err
		}
		s.Open = append(s.Open, rems...)
	}
	return nil
}

// shownOpen is how many open remediations the table lists.
const shownOpen = 10

func drawStanding(w io.Writer, s standing) {
	drawBrakes(w, s)
	row(w, "")
	row(w, "open", fmt.Sprintf("%d remediations", len(s.Open)))
	for i, r := range s.Open {
		if i == shownOpen {
			row(w, "", fmt.Sprintf("and %d more: vigil remediation ls", len(s.Open)-i))
			break
		}
		row(w, "", r.ID+"  "+stateOf(r)+"  "+r.Target.String())
	}
	row(w, "policies", byMode(s.Policies))
	row(w, "remediators", fmt.Sprint(len(s.Remediators)))
	for _, h := range s.Remediators {
		says := "seen " + ago(h.SeenAt)
		if h.Paused != nil {
			says = "PAUSED by its host"
		}
		row(w, "", fmt.Sprintf("%s  %d services  %s", h.ID, len(h.Services), says))
	}
	row(w, "storage", s.Storage.Says)
	if s.Storage.Try != "" {
		row(w, "", "try: "+s.Storage.Try)
	}
}

// drawBrakes says first whether anything is held back at all.
func drawBrakes(w io.Writer, s standing) {
	var brakes []string
	if k := s.KillSwitch; k.Engaged {
		brakes = append(brakes, fmt.Sprintf("kill switch, by %s %s: %s", k.By, ago(k.At), cmp.Or(k.Reason, "no reason given")))
	}
	for _, p := range s.Pauses {
		brakes = append(brakes, fmt.Sprintf("pause of %s, by %s %s: %s", p.Scope.Says(), p.Holder, lasts(p), p.Reason))
	}
	for _, m := range s.Maintenance {
		brakes = append(brakes, fmt.Sprintf("maintenance %s of %s, %s", m.Name, m.Scope.Says(), strings.ToLower(openness(m))))
	}
	for _, h := range s.Remediators {
		if h.Paused != nil {
			brakes = append(brakes, fmt.Sprintf("pause file of %s: %s (%s)", h.ID, cut(h.Paused.Reason, 60), h.Paused.Path))
		}
	}
	if len(brakes) == 0 {
		row(w, "brakes", "none: actions may start")
		return
	}
	for i, b := range brakes {
		what := ""
		if i == 0 {
			what = "BRAKES"
		}
		row(w, what, cut(b, 160))
	}
}

func byMode(n map[vigil.Mode]int) string {
	var parts []string
	for _, m := range []vigil.Mode{vigil.Auto, vigil.Suggest, vigil.Shadow, vigil.Disabled} {
		if n[m] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[m], m))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}
