package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	pausesPath      = "/api/v1/pauses"
	maintenancePath = "/api/v1/maintenance"
)

// PauseWish asks for a pause: of what one policy asks for, of the targets that
// fit a pattern, or of everything.
type PauseWish struct {
	Reason string         `json:"reason"`
	Holder string         `json:"holder,omitempty"` // who wants it; "": the caller
	Policy string         `json:"policy,omitempty"`
	Target string         `json:"target,omitempty"` // for example service:web@*
	For    vigil.Duration `json:"for,omitempty"`    // 0: until somebody lifts it, or Until
	Until  time.Time      `json:"until,omitzero"`
}

// Pause holds new actions back. After it returned, none starts in its scope.
func (c *Client) Pause(ctx context.Context, w PauseWish) (vigil.Pause, error) {
	return one[vigil.Pause](ctx, c, http.MethodPost, pausesPath, w)
}

// Pauses lists the pauses, oldest first.
func (c *Client) Pauses(ctx context.Context) ([]vigil.Pause, error) {
	return list[vigil.Pause](ctx, c, pausesPath, nil)
}

// Resume lifts a pause by its id, or all of a holder, and returns those that
// remain.
func (c *Client) Resume(ctx context.Context, who string) ([]vigil.Pause, error) {
	out, err := one[struct {
		Items []vigil.Pause `json:"items"`
	}](ctx, c, http.MethodDelete, at(pausesPath, who), nil)
	return out.Items, err
}

// MaintenanceWish asks for a window of maintenance: by Cron again and again, each
// time for Duration, or once until Until or for For.
type MaintenanceWish struct {
	Name     string         `json:"name"`
	Reason   string         `json:"reason,omitempty"`
	Policy   string         `json:"policy,omitempty"`
	Target   string         `json:"target,omitempty"` // for example host:db-2
	Cron     string         `json:"cron,omitempty"`   // minute hour day month weekday
	Duration vigil.Duration `json:"duration,omitempty"`
	TZ       string         `json:"tz,omitempty"`   // whose clocks Cron means; "": UTC
	From     time.Time      `json:"from,omitzero"`  // zero: now
	Until    time.Time      `json:"until,omitzero"` //
	For      vigil.Duration `json:"for,omitempty"`  // in place of Until
}

// SetMaintenance sets a window of maintenance.
func (c *Client) SetMaintenance(ctx context.Context, w MaintenanceWish) (vigil.Window, error) {
	return one[vigil.Window](ctx, c, http.MethodPost, maintenancePath, w)
}

// Maintenance lists the windows of maintenance by name, and how each stands.
func (c *Client) Maintenance(ctx context.Context) ([]vigil.Window, error) {
	return list[vigil.Window](ctx, c, maintenancePath, url.Values{})
}

// RemoveMaintenance removes a window of maintenance.
func (c *Client) RemoveMaintenance(ctx context.Context, name string) error {
	_, err := c.call(ctx, ask{method: http.MethodDelete, path: at(maintenancePath, name)}, nil, nil)
	return err
}
