package remedy

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/techmedaddy/vigil/platform/internal/guard"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Undone says that a person wants a remediation's last deed taken back.
type Undone struct {
	Of vigil.Remediation // it has ended
	By string
}

func (e Undone) apply(d *draft) {
	r, ok := d.takingBack(e.Of, e.By)
	if !ok {
		d.fail(vigil.Errorf(vigil.Conflict, "nothing_to_undo", "remediation %s ran no step that names an undo", e.Of.ID).
			Hinted("vigil remediation show %s", e.Of.ID))
		return
	}
	target, unmanaged := d.place(r.Target, "")
	switch {
	case unmanaged != "":
		d.fail(vigil.Errorf(vigil.NotFound, "target_unknown", "%s", unmanaged))
		return
	case d.full():
		return
	}
	req := d.appeal(r)
	req.Busy, req.Denied = d.occupant("", target, true), d.denied(r.Runbook, 0)
	if hold := d.ask(guard.Wish, req); hold != nil {
		d.turnDown(e.By, r.Runbook[0].Action, target, hold)
		return
	}
	d.create(&r, undoID(e.Of.ID), story(e.Of), vigil.Planned)
}

// compensate plans to take back the last deed of a policy's remediation that did
// not heal, in the change that ends it. The guards are asked when it is handed
// out, and again when it starts; no breaker holds it.
func (d *draft) compensate(of vigil.Remediation) {
	r, ok := d.takingBack(of, of.By)
	if ok && of.Origin == vigil.FromPolicy && d.open.len() < maxOpen {
		d.create(&r, undoID(of.ID), story(of), vigil.Planned)
	}
}

// takingBack is the remediation that takes back the last deed of another.
func (d *draft) takingBack(of vigil.Remediation, by string) (vigil.Remediation, bool) {
	ran := slices.Clone(of.Attempts)
	ran = slices.DeleteFunc(ran, func(a vigil.Attempt) bool { return a.StartedAt.IsZero() })
	if len(ran) == 0 || of.Origin == vigil.FromUndo {
		return vigil.Remediation{}, false
	}
	last := ran[len(ran)-1]
	undo := of.Runbook[last.Step].Undo
	if undo == nil {
		return vigil.Remediation{}, false
	}
	return vigil.Remediation{
		Origin: vigil.FromUndo, Undoes: of.ID, By: by, Policy: of.Policy, Episode: of.Episode, Target: of.Target,
		Reason:  fmt.Sprintf("takes back %s of %s", last.Action, of.ID),
		Runbook: []vigil.Step{*undo}, Guards: vigil.Guards{MaxAge: of.Guards.MaxAge}, Verify: d.manual.Verify,
	}, true
}

// undoID is computed, so that a remediation is taken back at most once.
func undoID(of string) string {
	sum := sha256.Sum256([]byte("undo " + of))
	return "rem-" + readable(sum[:])
}

// Undo takes back the last deed of a remediation that has ended, and returns the
// remediation that does it.
func (h *Healer) Undo(ctx context.Context, id, by string) (vigil.Remediation, error) {
	of, err := h.Remediation(ctx, id)
	switch {
	case err != nil:
		return vigil.Remediation{}, err
	case of.Open():
		return vigil.Remediation{}, vigil.Errorf(vigil.Conflict, "remediation_state", "remediation %s %s: nothing to undo yet", id, of.State.Says()).
			Hinted("vigil remediation show %s", id)
	}
	already, err := h.Remediation(ctx, undoID(id))
	if err == nil {
		return vigil.Remediation{}, vigil.Errorf(vigil.Conflict, "already_undone", "remediation %s is taken back by %s, which %s", id, already.ID, already.State.Says()).
			Hinted("vigil remediation show %s", already.ID)
	}
	if vigil.KindOf(err) != vigil.NotFound {
		return vigil.Remediation{}, err
	}
	if _, err := h.do(ctx, Undone{Of: of, By: by}); err != nil {
		return vigil.Remediation{}, err
	}
	return h.Remediation(ctx, undoID(id))
}
