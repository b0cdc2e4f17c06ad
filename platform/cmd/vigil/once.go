package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/app"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// once lets a demo service burn, waits until it is healed, prints the story and
// stops.
func (c *cli) once(ctx context.Context, a *app.App) (err error) {
	defer func() { err = errors.Join(err, a.Stop(ctx)) }()
	fmt.Fprintf(c.err, "vigil is up at %s\n", a.CollectorURL)
	api, err := client.New(a.CollectorURL, client.Options{})
	if err != nil {
		return err
	}
	defer api.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	s, err := burning(ctx, api)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.err, "%s (pid %d) now spins a processor core; waiting for Vigil to notice\n", s.Service, s.PID)
	id, err := treatmentOf(ctx, api, s.Service)
	if err != nil {
		return err
	}
	r, err := api.Await(ctx, id, func(r vigil.Remediation) bool { return r.State.Final() })
	if err != nil {
		return err
	}
	if err := c.tellStory(ctx, api, id, false); err != nil {
		return err
	}
	if r.State != vigil.Healed {
		return fmt.Errorf("the service was not healed: %s", r.State)
	}
	return nil
}

// burning waits for the demo service backend and sets it on fire.
func burning(ctx context.Context, api *client.Client) (vigil.ServiceStatus, error) {
	for {
		s, err := demoService(ctx, api, "backend")
		if err == nil && s.Up {
			if err = post(ctx, s.URL+"/burn"); err == nil {
				return s, nil
			}
		}
		if pause(ctx) != nil {
			return s, errors.Join(err, vigil.Errorf(vigil.Timeout, "demo_missing", "the demo service backend did not come up"))
		}
	}
}

// treatmentOf waits for the remediation that treats the burning service.
func treatmentOf(ctx context.Context, api *client.Client, service string) (string, error) {
	for {
		rems, err := api.Remediations(ctx, client.Filter{Policy: "demo-busy", Limit: 1})
		if err != nil {
			return "", err
		}
		if len(rems) == 1 && rems[0].Target.Name == service && !rems[0].State.Final() {
			return rems[0].ID, nil
		}
		if pause(ctx) != nil {
			return "", vigil.Errorf(vigil.Timeout, "not_noticed", "no policy fired within a minute").Hinted("vigil doctor")
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}
