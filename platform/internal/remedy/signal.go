package remedy

import (
	"slices"
	"strconv"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/guard"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Fired says that an episode fires; it comes again on every evaluation.
type Fired struct{ flow.Firing }

func (e Fired) apply(d *draft) {
	key := fingerprint(e.Policy.Name, e.Episode.Target)
	sig, known := d.signals.get(key)
	if !known && d.signals.len() >= maxSignals {
		d.fail(vigil.Errorf(vigil.Busy, "signals_full", "%d episodes fire already; %s has to wait", maxSignals, key))
		return
	}
	if sig.firing.Episode.ID != e.Episode.ID {
		sig.hold = nil
	}
	if !e.SampleAt.Equal(sig.firing.SampleAt) {
		sig.told = false
	}
	sig.firing = e.Firing
	d.signals.put(key, sig)
	d.weather(e.Policy, e.Census)
	if id, ok := d.trouble.get(key); ok {
		if sig.fires() { // its judgement was told before, unless that could not be recorded
			d.witness(id, evidence{sampleAt: e.SampleAt, receivedAt: e.ReceivedAt, reach: e.Reach, bad: true, value: e.Value})
		}
		d.unblock(id)
	}
	d.consider(key)
}

// Cleared says that an episode is over. What has not started yet is skipped; what
// runs may finish, unless its step says that it is to stop then.
type Cleared struct {
	Policy string
	Target vigil.Target
	At     time.Time
}

func (e Cleared) apply(d *draft) {
	key := fingerprint(e.Policy, e.Target)
	d.signals.drop(key)
	d.refused.drop(key)
	if target, ok := d.proofs.get(key); ok {
		d.proven(target)
	}
	id, ok := d.trouble.get(key)
	if !ok {
		return
	}
	r, _ := d.edit(id)
	switch {
	case r.State.CanBecome(vigil.Skipped):
		hold := &vigil.Hold{Reason: vigil.BlockResolved, Detail: "the episode resolved before the action started"}
		d.skip(&r, hold)
	case r.State == vigil.Running && r.Runbook[r.Step].CancelOnResolve:
		d.askToStop(r, r.By, "the episode resolved; the running action is asked to stop")
	}
}

// askToStop has the next heartbeat of a running action answered with a cancel. It
// is asked once.
func (d *draft) askToStop(r vigil.Remediation, by, message string) {
	if _, asked := d.cancels.get(r.ID); asked {
		return
	}
	d.cancels.put(r.ID, by)
	d.record(vigil.AuditRecord{By: by, Verb: "remediation.cancel_asked", Object: r.ID, Target: r.Target.String(), Message: message})
}

// Strayed says that a policy, or its module, left its scope: nothing is done.
type Strayed struct{ flow.Stray }

func (e Strayed) apply(d *draft) {
	d.record(vigil.AuditRecord{
		By: "policy:" + e.Policy, Verb: "remediation.held", Object: e.Policy, To: string(vigil.BlockScope), Message: e.Why,
		Detail: asJSON(vigil.Hold{Reason: vigil.BlockScope, Detail: e.Why}),
	})
}

// skip ends a remediation whose reason to start is gone.
func (d *draft) skip(r *vigil.Remediation, hold *vigil.Hold) {
	r.Hold = hold
	d.move(r, vigil.Skipped, "vigil", hold.Detail, hold)
	d.save(r)
}

// consider asks the guards whether a firing episode may become a remediation.
// A sample is acted on once, and an episode that a person does not want treated
// is left alone.
func (d *draft) consider(key string) {
	sig, ok := d.signals.get(key)
	if refused, _ := d.refused.get(key); !ok || !sig.firing.SampleAt.After(sig.acted) || refused == sig.firing.Episode.ID {
		return
	}
	target, req := d.plea(key, sig)
	hold := d.ask(guard.Plan, req)
	switch {
	case hold == nil:
		d.plan(key, sig, target)
	case hold.Reason == vigil.BlockDuplicate: // acting on this sample is recorded already
	case hold.Reason == vigil.BlockResolved: // nothing asks for an action now
	default:
		d.held(key, sig, target, hold)
	}
}

// plea gathers what the guards must know of a firing episode.
func (d *draft) plea(key string, sig signal) (vigil.Target, guard.Request) {
	f := sig.firing
	target, unmanaged := d.place(f.Episode.Target, f.Series.Get("host"))
	if why := d.untouchable(target); unmanaged == "" && why != "" {
		unmanaged = why
	}
	m, _ := d.targets.get(target.String())
	req := guard.Request{
		Mode: d.mode(f.Policy), Guards: f.Policy.Guards, KillSwitch: d.killSwitch, Started: d.started,
		Brakes: d.brakes, Policy: f.Policy.Name, Target: target, Resting: d.atRest(target),
		Firing: sig.fires(), SampleAt: f.SampleAt, ReceivedAt: f.ReceivedAt, Reach: f.Reach, Lookback: f.Policy.Lookback.D(),
		After: d.lastDeed(target), Revision: f.Policy.Revision, Current: f.Policy.Revision,
		Would: would(f.Policy.Runbook, target), Unmanaged: unmanaged,
		Busy: d.occupant(key, target, false), Deeds: m.Deeds,
	}
	d.fleetOf(&req, f.Policy.Name, groupOf(f), target)
	req.Waiting, _ = d.unbegun.get(groupOf(f))
	if _, err := filled(f, target); err != nil {
		req.Unfilled = vigil.AsError(err).Msg
	}
	if req.Busy == nil && unmanaged == "" {
		req.Denied = d.denied(f.Policy.Runbook, 0)
	}
	return target, req
}

// filled is the policy's runbook as it treats the target: its parameters say what
// the series that fires says.
func filled(f flow.Firing, target vigil.Target) ([]vigil.Step, error) {
	word := func(word string) string {
		switch word {
		case "policy":
			return f.Policy.Name
		case "target":
			return target.String()
		case "target.kind":
			return target.Kind
		case "target.name":
			return target.Name
		case "target.host":
			return target.Host
		case "value":
			return strconv.FormatFloat(f.Value, 'g', -1, 64)
		}
		return f.Series.Get(word)
	}
	steps := slices.Clone(f.Policy.Runbook)
	for i := range steps {
		var err error
		if steps[i], err = steps[i].Fill(word); err != nil {
			return nil, err
		}
	}
	return steps, nil
}

func would(runbook []vigil.Step, t vigil.Target) string {
	if len(runbook) == 0 {
		return "do nothing: the runbook is empty"
	}
	return "run " + runbook[0].Action + " on " + t.String()
}

// occupant finds the remediation that stands in the way of one for this
// trouble on this target.
func (d *draft) occupant(key string, target vigil.Target, manual bool) *guard.Busy {
	id, same := d.trouble.get(key)
	ok := same
	if !ok {
		id, ok = d.busy.get(target.String())
	}
	if !ok && !manual {
		id, ok = d.limbo.get(target.String())
	}
	if !ok {
		return nil
	}
	r, _ := d.open.get(id)
	return &guard.Busy{Remediation: id, State: r.State, Same: same, SampleAt: r.SampleAt}
}

// held remembers why an episode is not acted on. It is recorded and counted when
// the reason changes; what shadow would have done, once per episode.
func (d *draft) held(key string, sig signal, target vigil.Target, hold *vigil.Hold) {
	was, episode := sig.hold, sig.firing.Episode.ID
	if was != nil && was.Reason == hold.Reason && was.RetryAt.Equal(hold.RetryAt) {
		return
	}
	sig.hold = hold
	again := was != nil && was.Reason == hold.Reason || hold.Reason == vigil.BlockShadow && sig.shadow == episode
	if !again {
		d.out.Held = append(d.out.Held, hold.Reason)
		d.note(sig, target, hold)
		d.tell(&sig)
		d.out.Spans = append(d.out.Spans, heldSpan(sig, target, hold, d.now, d.draw()))
	}
	if hold.Reason == vigil.BlockShadow {
		sig.shadow = episode
	}
	d.signals.put(key, sig)
}

// note records that an episode is not acted on.
func (d *draft) note(sig signal, target vigil.Target, hold *vigil.Hold) {
	verb := "remediation.held"
	if hold.Reason == vigil.BlockShadow {
		verb = "remediation.shadow"
	}
	d.record(vigil.AuditRecord{
		By: "policy:" + sig.firing.Policy.Name, Verb: verb, Object: sig.firing.Episode.ID, Target: target.String(),
		To: string(hold.Reason), Message: hold.Detail, Detail: asJSON(hold),
	})
}

// tell exports the spans that led to the sample, at most once.
func (d *draft) tell(sig *signal) {
	if sig.told {
		return
	}
	sig.told = true
	d.out.Trails = append(d.out.Trails, sig.firing.Trail)
	d.out.Spans = append(d.out.Spans, sig.firing.Spans...)
}

// reconsider looks again at the episodes that may act now that a target is free.
func (d *draft) reconsider() {
	freed := d.freed
	if len(freed) == 0 {
		return
	}
	d.again(func(s signal) bool {
		t, _ := d.place(s.firing.Episode.Target, s.firing.Series.Get("host"))
		for _, f := range freed {
			if f == t.String() {
				return true
			}
		}
		return false
	})
}

// again considers the held episodes that want accepts, in the order of their
// fingerprints.
func (d *draft) again(want func(signal) bool) {
	for _, key := range d.signals.keys(want) {
		d.consider(key)
	}
}
