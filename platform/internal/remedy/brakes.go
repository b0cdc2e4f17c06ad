package remedy

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/guard/brake"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Paused says that a person wants no new action in a scope. The same holder's
// word on the same scope takes the place of the one before.
type Paused struct {
	Pause vigil.Pause    // without id and time; Holder "" is By
	For   vigil.Duration // in place of Expires; 0: as Expires says
}

func (e Paused) apply(d *draft) {
	p := e.Pause
	p.At, p.Holder = d.now, cmp.Or(p.Holder, p.By)
	if e.For > 0 {
		p.Expires = d.now.Add(e.For.D())
	}
	if err := brake.CheckPause(p, d.now); err != nil {
		d.fail(err)
		return
	}
	p.ID = d.newID("pause")
	next, replaced, err := d.brakes.With(p)
	if err != nil {
		d.fail(err)
		return
	}
	d.brakes = next
	if replaced != "" {
		d.out.Change.Brakes.Lifted = append(d.out.Change.Brakes.Lifted, replaced)
	}
	d.setPause(p, "pause.set", p.By)
	d.out.Pause = p
	d.takeBack()
	if replaced != "" { // it may end sooner than the one before
		d.release(vigil.BlockPaused)
	}
}

// setPause makes a pause part of the change.
func (d *draft) setPause(p vigil.Pause, verb, by string) {
	d.out.Change.Brakes.Pauses = append(d.out.Change.Brakes.Pauses, p)
	d.record(vigil.AuditRecord{
		By: by, Verb: verb, Object: p.ID, Target: p.Target, Message: p.Holder + " paused " + p.Scope.Says() + ": " + p.Reason, Detail: asJSON(p),
	})
}

// Resumed says that a person lifts the pauses of a holder, or one by its id.
type Resumed struct{ Who, By string }

func (e Resumed) apply(d *draft) {
	next, lifted := d.brakes.Without(func(p vigil.Pause) bool { return e.Who != "" && (p.ID == e.Who || p.Holder == e.Who) })
	if len(lifted) == 0 {
		d.fail(vigil.Errorf(vigil.NotFound, "pause_not_found", "no pause or holder %.100q", e.Who).Hinted("see vigil pause ls"))
		return
	}
	d.brakes = next
	d.liftPauses(lifted, "pause.lifted", e.By)
}

// liftPauses makes the end of pauses part of the change, and looks again at what
// they held.
func (d *draft) liftPauses(lifted []vigil.Pause, verb, by string) {
	for _, p := range lifted {
		d.out.Change.Brakes.Lifted = append(d.out.Change.Brakes.Lifted, p.ID)
		d.record(vigil.AuditRecord{
			By: by, Verb: verb, Object: p.ID, Target: p.Target, Message: p.Scope.Says() + " was paused by " + p.Holder + ": " + p.Reason, Detail: asJSON(p),
		})
	}
	if len(lifted) > 0 {
		d.release(vigil.BlockPaused)
	}
}

// stretchPauses keeps a clock that was set ahead from ending pauses: they last
// as long as was said.
func (d *draft) stretchPauses(by time.Duration) {
	if by <= 0 {
		return
	}
	next, late := d.brakes.Without(func(p vigil.Pause) bool { return !p.Expires.IsZero() })
	for _, p := range late {
		p.Expires = p.Expires.Add(by)
		next, _, _ = next.With(p) // it was in, so that there is room
		d.setPause(p, "pause.stretched", "vigil")
	}
	d.brakes = next
}

// MaintenanceSet says that a person sets a window of maintenance.
type MaintenanceSet struct {
	Window vigil.Window
	For    vigil.Duration // of a window for once, which begins now unless From says: in place of Until
}

func (e MaintenanceSet) apply(d *draft) {
	w := e.Window
	w.At = d.now
	if w.Cron == "" && w.From.IsZero() {
		w.From = d.now
	}
	if e.For > 0 {
		w.Until = w.From.Add(e.For.D())
	}
	next, err := d.brakes.WithWindow(w, d.now)
	if err != nil {
		d.fail(err)
		return
	}
	d.brakes = next
	d.out.Change.Brakes.Windows = append(d.out.Change.Brakes.Windows, w)
	d.record(vigil.AuditRecord{
		By: w.By, Verb: "maintenance.set", Object: w.Name, Target: w.Target, Message: says(w), Detail: asJSON(w),
	})
	d.takeBack()
}

// MaintenanceRemoved says that a person removes a window of maintenance.
type MaintenanceRemoved struct{ Name, By string }

func (e MaintenanceRemoved) apply(d *draft) {
	next, removed := d.brakes.WithoutWindows(func(w vigil.Window) bool { return w.Name == e.Name })
	if len(removed) == 0 {
		d.fail(vigil.Errorf(vigil.NotFound, "maintenance_not_found", "no maintenance %.100q", e.Name).Hinted("see vigil maintenance ls"))
		return
	}
	d.brakes = next
	d.removeWindows(removed, "maintenance.removed", e.By)
}

// says is a window in a line of the audit log.
func says(w vigil.Window) string {
	if w.Reason == "" {
		return "maintenance of " + w.Scope.Says()
	}
	return "maintenance of " + w.Scope.Says() + ": " + w.Reason
}

func (d *draft) removeWindows(removed []vigil.Window, verb, by string) {
	for _, w := range removed {
		d.out.Change.Brakes.Removed = append(d.out.Change.Brakes.Removed, w.Name)
		d.record(vigil.AuditRecord{By: by, Verb: verb, Object: w.Name, Target: w.Target, Message: says(w), Detail: asJSON(w)})
	}
	if len(removed) > 0 {
		d.release(vigil.BlockMaintained)
	}
}

// endBrakes takes away what time has ended. It is asked on ticks only, which
// notice a clock that was set before they go by it.
func (d *draft) endBrakes() {
	if next, over := d.brakes.Without(func(p vigil.Pause) bool { return p.Over(d.now) }); len(over) > 0 {
		d.brakes = next
		d.liftPauses(over, "pause.expired", "vigil")
	}
	if next, over := d.brakes.WithoutWindows(func(w vigil.Window) bool { return brake.Past(w, d.now) }); len(over) > 0 {
		d.brakes = next
		d.removeWindows(over, "maintenance.over", "vigil")
	}
}

// maxPauseText bounds what is kept of a pause file and its path, in bytes.
const maxPauseText = 1024

// rest takes in whether a remediator's host has it begin nothing.
func (d *draft) rest(h vigil.Remediator) {
	_, was := d.resting.get(h.ID)
	if h.Paused == nil {
		if was {
			d.resting.drop(h.ID)
			d.release(vigil.BlockPaused)
		}
		return
	}
	said := *h.Paused
	said.Path, said.Reason = brief(said.Path), brief(said.Reason)
	h.Paused = &said
	d.hands.put(h.ID, h)
	d.resting.put(h.ID, h)
	if !was {
		d.takeBack()
	}
}

func brief(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxPauseText)], "")
}

// atRest says why a target's host has its remediator begin nothing, "" if it
// may.
func (s *State) atRest(t vigil.Target) string {
	for _, id := range s.resting.keys(func(h vigil.Remediator) bool { return serves(h, t) }) {
		h, _ := s.resting.get(id)
		return fmt.Sprintf("the pause file %s of %s: %s", h.Paused.Path, id, cmp.Or(h.Paused.Reason, "it says nothing"))
	}
	return ""
}
