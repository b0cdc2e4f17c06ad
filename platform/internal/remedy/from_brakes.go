package remedy

import (
	"context"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Pause holds new actions in a scope back for a time, or (0, and no expiry) until
// a person lifts it. After it returned, nothing new starts there.
func (h *Healer) Pause(ctx context.Context, p vigil.Pause, d vigil.Duration) (vigil.Pause, error) {
	out, err := h.do(ctx, Paused{Pause: p, For: d})
	return out.Pause, err
}

// Resume lifts the pauses of a holder, or one by its id, and returns those that
// remain.
func (h *Healer) Resume(ctx context.Context, who, by string) ([]vigil.Pause, error) {
	_, err := h.do(ctx, Resumed{Who: who, By: by})
	pauses, _ := h.Brakes()
	return pauses, err
}

// SetMaintenance sets a window of maintenance, for once or again and again.
func (h *Healer) SetMaintenance(ctx context.Context, w vigil.Window, d vigil.Duration) (vigil.Window, error) {
	if _, err := h.do(ctx, MaintenanceSet{Window: w, For: d}); err != nil {
		return vigil.Window{}, err
	}
	_, windows := h.Brakes()
	for _, have := range windows {
		if have.Name == w.Name {
			return have, nil
		}
	}
	return w, nil // somebody removed it meanwhile
}

// RemoveMaintenance removes a window of maintenance.
func (h *Healer) RemoveMaintenance(ctx context.Context, name, by string) error {
	_, err := h.do(ctx, MaintenanceRemoved{Name: name, By: by})
	return err
}

// Brakes lists the pauses in force, oldest first, and the windows of
// maintenance, by name.
func (h *Healer) Brakes() ([]vigil.Pause, []vigil.Window) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.o.Now()
	return h.state.brakes.Pauses(), h.state.brakes.Windows(now)
}
