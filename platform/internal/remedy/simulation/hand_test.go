package simulation_test

import (
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/remedy"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// hand is a remediator's process. It follows the protocol of package
// remediator: the fence is on its host's disk before it asks to start, an action
// is entered only when the start was agreed to, a report is told until heard.
type hand struct {
	w      *world
	status vigil.Remediator
	life   int       // incarnations; what an earlier one had in memory is gone
	up     bool      // the process runs
	deaf   time.Time // cut off from the collector until then
}

func newHand(w *world, id, host string, services []string) *hand {
	h := &hand{w: w, status: vigil.Remediator{ID: id, Host: host}, up: true}
	for _, s := range services {
		h.status.Services = append(h.status.Services, vigil.ServiceStatus{Service: s})
	}
	w.in(w.between(0, 3*time.Second), h.poll)
	return h
}

func (h *hand) cut() bool { return h.w.now.Before(h.deaf) && !h.w.calm }

// ask has the collector take a step, unless nobody hears.
func (h *hand) ask(body remedy.Body) (remedy.Effects, bool) {
	if h.cut() {
		return remedy.Effects{}, false
	}
	return h.w.collector.step(body)
}

// poll asks for work every few seconds, and registers where it is not known.
func (h *hand) poll() {
	h.w.in(h.w.between(time.Second, 4*time.Second), h.poll)
	if h.w.fault(150) {
		h.deaf = h.w.now.Add(h.w.between(time.Second, time.Minute))
		h.w.say("%s is cut off until %s", h.status.ID, h.deaf.Sub(epoch))
	}
	c := h.w.collector
	if !h.up || h.cut() || len(c.polls[h.status.ID]) >= 2 {
		return
	}
	life := h.life
	c.polls[h.status.ID] = append(c.polls[h.status.ID], func(l flow.Lease) {
		if h.up && h.life == life && !h.cut() {
			h.serve(l)
		}
	})
	out, heard := h.ask(remedy.Polled{Remediator: h.status.ID})
	if vigil.CodeOf(out.Err) == "remediator_unknown" {
		delete(c.polls, h.status.ID)
		_, heard = h.ask(remedy.Registered{Remediator: h.status})
	}
	if !heard {
		delete(c.polls, h.status.ID)
	}
}

// die ends the process, and what it runs with it. It is started again later.
func (h *hand) die(where string) {
	h.w.say("%s dies %s", h.status.ID, where)
	h.up = false
	h.life++
	delete(h.w.collector.polls, h.status.ID)
	h.w.in(h.w.between(time.Second, 30*time.Second), func() { h.up = true })
}

// dies reports whether the process died at a step of its work.
func (h *hand) dies(where string) bool {
	if !h.w.fault(60) {
		return false
	}
	h.die(where)
	return true
}

// run is one lease on its way through a hand.
type run struct {
	*hand
	lease  flow.Lease
	on     *target
	born   int // the incarnation that took it
	tries  int
	beaten bool // it was told to stop, or that its lease is lost
	over   bool
}

func (r *run) gone() bool { return !r.up || r.life != r.born }

// serve takes a lease: the token is kept first.
func (h *hand) serve(l flow.Lease) {
	r := &run{hand: h, lease: l, on: h.w.find(l.Target), born: h.life}
	if h.dies("with a lease") {
		return
	}
	if l.Fence <= r.on.fence {
		r.report(flow.Report{Code: "fence_stale"})
		return
	}
	r.on.fence = l.Fence
	if h.dies("before the start") {
		return
	}
	h.w.in(h.w.delay(), r.start)
}

// start asks until somebody answers, while the lease lives.
func (r *run) start() {
	if r.gone() {
		return
	}
	out, heard := r.ask(remedy.Started{Lease: r.lease})
	switch {
	case !heard || vigil.CodeOf(out.Err) == codeDisk || r.w.fault(40): // or the answer is lost
		if r.tries++; r.tries > 4 {
			r.report(flow.Report{Code: "no_answer"})
			return
		}
		r.w.in(r.w.between(time.Second, 3*time.Second), r.start)
	case out.Err != nil:
		return
	case r.dies("after the start"):
	default:
		r.w.in(r.w.delay(), r.enter)
	}
}

// enter begins the action: from here on it may have had an effect.
func (r *run) enter() {
	if r.gone() {
		return
	}
	if r.lease.Fence < r.on.fence {
		r.report(flow.Report{Started: true, Code: "fence_denied"})
		return
	}
	r.w.watch.entered(r.lease)
	r.beat()
	took := r.w.between(100*time.Millisecond, 10*time.Second)
	if r.w.fault(10) {
		took = r.w.between(10*time.Second, 60*time.Second)
	}
	r.w.in(min(took, r.lease.Timeout.D()), func() { r.end(took > r.lease.Timeout.D()) })
}

func (r *run) beat() {
	if r.gone() || r.over {
		return
	}
	if r.dies("in mid-action") {
		r.remains()
		return
	}
	r.w.message(func() {
		if out, heard := r.ask(remedy.Beat{Lease: r.lease}); heard && (out.Renewal.Cancel || vigil.CodeOf(out.Err) == "lease_lost") {
			r.beaten = true
		}
	})
	r.w.in(r.lease.Heartbeat.D(), r.beat)
}

// end is the action's end: it helped, or not.
func (r *run) end(late bool) {
	r.over = true
	if r.gone() {
		return
	}
	rep := flow.Report{Started: true, OK: true}
	switch {
	case late:
		rep.OK, rep.Code = false, "timeout"
	case r.beaten || r.lease.Fence < r.on.fence:
		rep.OK, rep.Code = false, "cancelled"
	case r.w.rng.IntN(4) == 0:
		rep.OK, rep.Code = false, "service_down"
	default:
		r.on.pid++
		r.on.bad = r.w.rng.IntN(3) == 0
	}
	rep.PID, rep.EndedAt = r.on.pid, r.w.now
	if r.dies("before the report") {
		r.remains()
		return
	}
	r.report(rep)
}

// remains is what is on the host's disk of a run whose process died: mostly
// enough for a report.
func (r *run) remains() {
	if r.w.rng.IntN(3) > 0 {
		r.w.in(r.w.between(30*time.Second, 50*time.Second), func() {
			r.report(flow.Report{Started: true, Code: "remediator_died", EndedAt: r.w.now})
		})
	}
}

// report tells how it ended until the collector has heard it.
func (r *run) report(rep flow.Report) {
	rep.Remediation, rep.Attempt, rep.Fence = r.lease.Remediation, r.lease.Attempt, r.lease.Fence
	out, heard := r.ask(remedy.Finished{Report: rep})
	if !heard || vigil.CodeOf(out.Err) == codeDisk || r.w.fault(20) {
		r.w.in(r.w.between(time.Second, 5*time.Second), func() { r.report(rep) })
	}
}

func (w *world) find(t vigil.Target) *target {
	for _, one := range w.fleet {
		if one.Target == t {
			return one
		}
	}
	w.broken("target_out_of_scope", "a lease for %s, which nobody has", t)
	return w.fleet[0]
}
