package simulation_test

import (
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/remedy"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// people do something every now and then.
func (w *world) people() {
	w.in(w.between(time.Second, 40*time.Second), w.people)
	if w.calm {
		if w.collector.disk.kill.Engaged {
			w.command(remedy.Switched{To: flow.KillSwitch{By: "ann"}})
		}
		w.resume()
		return
	}
	switch w.rng.IntN(12) {
	case 0:
		w.command(remedy.Switched{To: flow.KillSwitch{Engaged: true, By: "ann", Reason: "drill"}})
		w.in(w.between(time.Second, time.Minute), func() { w.command(remedy.Switched{To: flow.KillSwitch{By: "ann"}}) })
	case 1, 2:
		t := w.fleet[w.rng.IntN(len(w.fleet))]
		action := []string{idempotent, careful}[w.rng.IntN(2)]
		w.command(remedy.Wished{Wish: flow.Wish{By: "bob", Target: t.Target, Action: action}})
	case 3, 4, 5:
		if id, ok := w.someID(); ok {
			w.watch.approved[id] = true // whatever the answer: only agreed ones may go on
			w.watch.again[id] = true
			w.command(remedy.Approved{ID: id, By: "ann", Version: []int64{0, 0, 1, 2}[w.rng.IntN(4)]}) // 0: whichever it has
		}
	case 6:
		if id, ok := w.someID(); ok {
			w.command(remedy.Denied{ID: id, By: "ann"})
		}
	case 7:
		if id, ok := w.someID(); ok {
			w.command(remedy.Cancelled{ID: id, By: "ann"})
		}
	case 8:
		p := w.policies[w.rng.IntN(len(w.policies))]
		p.Revision++
	case 9:
		p := vigil.Pause{Holder: []string{"ann", "bob"}[w.rng.IntN(2)], By: "ann", Reason: "drill", Scope: w.scope()}
		w.command(remedy.Paused{Pause: p, For: vigil.Duration(w.rng.IntN(2)) * vigil.Duration(w.between(time.Second, time.Minute))})
		w.in(w.between(time.Second, 2*time.Minute), w.resume)
	case 10:
		win := vigil.Window{Name: []string{"a", "b"}[w.rng.IntN(2)], By: "ann", Scope: w.scope(), From: w.collector.clock().Add(w.between(-time.Second, 10*time.Second))}
		w.command(remedy.MaintenanceSet{Window: win, For: vigil.Duration(w.between(5*time.Second, time.Minute))})
	}
}

// scope is everything, a policy or a host.
func (w *world) scope() vigil.Scope {
	switch w.rng.IntN(3) {
	case 0:
		return vigil.Scope{Policy: w.policies[w.rng.IntN(len(w.policies))].Name}
	case 1:
		return vigil.Scope{Target: "host:" + w.fleet[w.rng.IntN(len(w.fleet))].Host}
	}
	return vigil.Scope{}
}

func (w *world) resume() {
	for _, holder := range []string{"ann", "bob"} {
		w.command(remedy.Resumed{Who: holder, By: "ann"})
	}
}

func (w *world) command(body remedy.Body) {
	w.say("people: %T%+v", body, body)
	w.message(func() { w.collector.step(body) })
}

// someID names one of the newest remediations, those that wait for a person first.
func (w *world) someID() (string, bool) {
	order := w.collector.disk.order
	for i := len(order) - 1; i >= max(0, len(order)-8); i-- {
		if s := w.collector.disk.rows[order[i]].State; s == vigil.AwaitingApproval || s == vigil.Unknown {
			return order[i], true
		}
	}
	if len(order) == 0 {
		return "", false
	}
	return order[len(order)-1-w.rng.IntN(min(4, len(order)))], true
}
