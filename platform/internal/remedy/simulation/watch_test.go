package simulation_test

import (
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/remedy"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The invariants of docs that a history is held to, as a break names them.
const (
	onePerTarget = "one at a time per target"
	fenceGrows   = "fence tokens only grow"
	startedOnce  = "started once"
	intentFirst  = "intent first"
	noLostEnd    = "no lost end"
	budgetHolds  = "budget"
	brakeHolds   = "kill switch"
	pauseHolds   = "pause"
	windowHolds  = "maintenance"
	warmUp       = "warm-up"
	freshPlan    = "fresh plan"
	freshProof   = "healed by fresh samples"
	askedFirst   = "a person is asked first"
	inTime       = "approved in time, as it was seen"
	shadowOnly   = "shadow never acts"
	machineHolds = "state machine"
	versions     = "compare and set"
	groupCap     = "group cap"
	stormStop    = "storm stop"
	mayFinish    = "what runs may finish"
	noHaste      = "no early failure unless asked for"
	handedOff    = "handed to a person"
	takenBack    = "taken back once, and only what failed"
	freeUndo     = "no breaker holds an undo"
	onRecord     = "each change of state is on record with it"
)

// watch knows what truly happened, and compares.
type watch struct {
	w        *world
	news     map[string]news            // fingerprint → what this collector was last told
	fences   map[string]uint64          // target → highest token leased
	intents  map[uint64]map[string]bool // fence → targets for which the start is durable
	entries  map[string][]entry         // target → actions entered
	pauses   map[string]time.Time       // pause → until when, in the world's time, it has to hold
	approved map[string]bool            // remediations that a person was asked about and agreed to
	asked    map[string]asked           // and since when they were
	again    map[string]bool            // and those that a person had started once more
	stopped  map[string]bool            // remediations whose running action was asked to stop
	states   map[string]vigil.State     // remediations, as they were durable last
	stormy   map[string]bool            // policies that last told of a storm, heard or not
}

// asked is a question to a person.
type asked struct {
	since   time.Time // by the collector's clock
	version int64
}

// news is the newest sample that the collector was told of.
type news struct {
	at       time.Time
	bad      bool
	revision int64
}

// entry is one action that was entered.
type entry struct {
	remediation string
	step        int
	at          time.Time // by the collector's clock
	byPolicy    bool
}

func newWatch(w *world) *watch {
	return &watch{
		w: w, news: map[string]news{}, fences: map[string]uint64{}, intents: map[uint64]map[string]bool{},
		entries: map[string][]entry{}, pauses: map[string]time.Time{}, approved: map[string]bool{}, asked: map[string]asked{}, again: map[string]bool{}, stormy: map[string]bool{},
		stopped: map[string]bool{}, states: map[string]vigil.State{},
	}
}

// told notes what the collector is about to be told, and how to take that back.
func (wa *watch) told(p *policy, t *target, at time.Time, bad bool) (undo func()) {
	key := p.Name + "|" + t.Target.String()
	was, known := wa.news[key]
	next := news{at, bad, was.revision}
	if bad {
		next.revision = p.Revision
	}
	wa.news[key] = next
	return func() {
		if wa.news[key] != next {
			return // that collector is gone, or heard something newer
		}
		if wa.news[key] = was; !known {
			delete(wa.news, key)
		}
	}
}

// changed looks at a change that became durable.
func (wa *watch) changed(body remedy.Body, out remedy.Effects) {
	for _, r := range out.Change.Remediations {
		wa.recorded(r, out.Change.Audit)
	}
	for _, rec := range out.Change.Audit {
		wa.record(rec, out.Change)
	}
	for _, p := range out.Change.Brakes.Pauses {
		if _, known := wa.pauses[p.ID]; !known && !p.Expires.IsZero() {
			wa.pauses[p.ID] = wa.w.now.Add(p.Expires.Sub(p.At))
		}
	}
	if e, ok := body.(remedy.Approved); ok {
		wa.answered(e, out)
	}
	for _, r := range out.Change.Remediations {
		wa.row(r)
		wa.undone(r, out.Change)
		if r.State == vigil.AwaitingApproval {
			wa.asked[r.ID] = asked{wa.w.collector.clock(), r.Version}
		}
	}
	for _, l := range out.Leases {
		wa.leased(l.Lease)
	}
	if vigil.CodeOf(out.Err) == "no_edge" {
		wa.w.broken(machineHolds, "%T: %v", body, out.Err)
	}
}

// recorded holds a change of state to the records that became durable with it:
// they lead from the state before to the one after, step by step.
func (wa *watch) recorded(r vigil.Remediation, audit []vigil.AuditRecord) {
	at := string(wa.states[r.ID])
	for _, rec := range audit {
		if rec.Object == r.ID && rec.Verb == "remediation."+rec.To && rec.From == at {
			at = rec.To
		}
	}
	if at != string(r.State) {
		wa.w.broken(onRecord, "%s went from %q to %s, and the records with it lead to %q", r.ID, wa.states[r.ID], r.State, at)
	}
	wa.states[r.ID] = r.State
}

// answered holds a yes that was taken to what was asked, and when.
func (wa *watch) answered(e remedy.Approved, out remedy.Effects) {
	yes := func(rec vigil.AuditRecord) bool {
		return rec.Object == e.ID && rec.From == string(vigil.AwaitingApproval) && rec.To == string(vigil.Planned)
	}
	if !slices.ContainsFunc(out.Change.Audit, yes) {
		return
	}
	q, r := wa.asked[e.ID], wa.w.collector.disk.rows[e.ID]
	if age := wa.w.collector.clock().Sub(q.since); age > r.Guards.Approval().D() || e.Version != 0 && e.Version != q.version {
		wa.w.broken(inTime, "%s was asked about at version %d, %s ago, and version %d was approved", e.ID, q.version, age, e.Version)
	}
}

// record holds one move to the state machine and to the brakes.
func (wa *watch) record(rec vigil.AuditRecord, c flow.Change) {
	if end := wa.pauses[rec.Object]; rec.Verb == "pause.expired" && wa.w.now.Before(end) && !wa.w.calm {
		wa.w.broken(pauseHolds, "%s ends %s too early", rec.Object, end.Sub(wa.w.now))
	}
	if r := wa.w.collector.disk.rows[rec.Object]; rec.Verb == "remediation.cancel_asked" && rec.By == r.By && r.Origin == vigil.FromPolicy && !r.Runbook[r.Step].CancelOnResolve {
		wa.w.broken(mayFinish, "%s is asked to stop by %s", r.ID, rec.By)
	}
	wa.stopped[rec.Object] = wa.stopped[rec.Object] || rec.Verb == "remediation.cancel_asked"
	if rec.Verb != "remediation."+rec.To {
		return
	}
	wa.w.say("%s %s → %s: %s", rec.Object, rec.From, rec.To, rec.Message)
	from, to := vigil.State(rec.From), vigil.State(rec.To)
	if from != "" && !from.CanBecome(to) {
		wa.w.broken(machineHolds, "%s goes from %s to %s", rec.Object, from, to)
	}
	for _, r := range c.Remediations {
		if r.ID == rec.Object && from == vigil.Verifying && to != vigil.Healed {
			wa.patient(r)
		}
	}
	lifted := c.KillSwitch != nil && !c.KillSwitch.Engaged
	if to != vigil.Leased && to != vigil.Running {
		return
	}
	if wa.w.collector.disk.kill.Engaged && !lifted {
		wa.w.broken(brakeHolds, "%s is %s under an engaged kill switch", rec.Object, to)
	}
	for _, r := range c.Remediations {
		if r.ID == rec.Object {
			wa.brakes(r, c.Brakes)
		}
	}
}

// patient holds the end of a verification without success to its window, unless
// the step asks for less: then to fresh samples that are bad.
func (wa *watch) patient(r vigil.Remediation) {
	last := len(r.Attempts) - 1
	for r.Attempts[last].EndedAt.IsZero() { // the next one may be handed out already
		last--
	}
	v, step := r.Verification, r.Runbook[r.Attempts[last].Step]
	if !wa.w.collector.clock().Before(v.Until) {
		return
	}
	bad := min(v.SampleAt.Sub(v.BadAt), wa.w.collector.clock().Sub(v.BadAt))
	if step.FailEarly == 0 || v.BadAt.Before(v.From) || bad < step.FailEarly.D() {
		wa.w.broken(noHaste, "%s failed %s before its window ends, bad since %s", r.ID, v.Until.Sub(wa.w.collector.clock()), v.BadAt.Sub(epoch))
	}
}

// brakes holds what goes on to the pauses and windows that were on disk before
// and are not taken away with it.
func (wa *watch) brakes(r vigil.Remediation, b flow.Brakes) {
	d, now := wa.w.collector.disk, wa.w.collector.clock()
	for id, p := range d.pauses {
		if p.Covers(r.Policy, r.Target) && !slices.Contains(b.Lifted, id) {
			wa.w.broken(pauseHolds, "%s is %s on %s, which %s paused (%s)", r.ID, r.State, r.Target, p.Holder, p.Scope.Says())
		}
	}
	for name, m := range d.windows {
		if m.Covers(r.Policy, r.Target) && !now.Before(m.From) && now.Before(m.Until) && !slices.Contains(b.Removed, name) {
			wa.w.broken(windowHolds, "%s is %s on %s within maintenance %s", r.ID, r.State, r.Target, name)
		}
	}
}

// row holds a remediation as it now lies on disk to what its state promises.
func (wa *watch) row(r vigil.Remediation) {
	d := wa.w.collector.disk
	key := r.Target.String()
	if id, taken := d.open[key]; r.Open() && taken && id != r.ID && d.rows[id].Open() {
		wa.w.broken(onePerTarget, "%s and %s are open on %s", id, r.ID, key)
	}
	if r.Open() {
		d.open[key] = r.ID
	}
	p := wa.policy(r)
	if p != nil && p.Mode == vigil.Shadow {
		wa.w.broken(shadowOnly, "%s of %s is %s", r.ID, r.Policy, r.State)
	}
	wa.handed(r)
	switch r.State {
	case vigil.Leased:
		if p != nil {
			wa.plan(r, p)
		}
	case vigil.Running:
		fence := r.Current().Fence
		if wa.intents[fence] == nil {
			wa.intents[fence] = map[string]bool{}
		}
		wa.intents[fence][key] = true
	case vigil.Healed:
		n := wa.news[r.Policy+"|"+key]
		if p != nil && (n.bad || n.at.Before(r.Verification.From) || !n.at.After(r.Verification.After)) {
			wa.w.broken(freshProof, "%s healed on a sample of %s (bad: %t), what counts begins at %s", r.ID, n.at.Sub(epoch), n.bad, r.Verification.From.Sub(epoch))
		}
	default:
	}
}

// handed holds a policy's failure to a person who goes on, and a person's part to
// what no longer goes on by itself.
func (wa *watch) handed(r vigil.Remediation) {
	gaveUp := r.State == vigil.Failed || r.State == vigil.TimedOut || r.State == vigil.Unknown
	switch {
	case gaveUp && r.Origin == vigil.FromPolicy && r.HandOff == nil && !wa.stopped[r.ID]:
		wa.w.broken(handedOff, "%s is %s and nobody goes on", r.ID, r.State)
	case !gaveUp && r.HandOff != nil:
		wa.w.broken(handedOff, "%s is %s and a person goes on", r.ID, r.State)
	}
}

// undone holds what a policy gives up to being taken back in the same change, and
// what takes back to a remediation that has ended without healing.
func (wa *watch) undone(r vigil.Remediation, c flow.Change) {
	takes := func(other vigil.Remediation) bool { return other.Undoes == r.ID }
	gaveUp := r.HandOff != nil && r.HandOff.At.Equal(r.EndedAt) && r.State == vigil.Failed
	if gaveUp && r.Runbook[r.Step].Undo != nil && !slices.ContainsFunc(c.Remediations, takes) {
		wa.w.broken(takenBack, "%s failed and nothing takes it back", r.ID)
	}
	if r.Origin == vigil.FromUndo && (r.State == vigil.AwaitingApproval || r.Hold != nil && r.Hold.Reason == vigil.BlockBreaker) {
		wa.w.broken(freeUndo, "%s is %s", r.ID, r.State)
	}
	of := wa.w.collector.disk.rows[r.Undoes]
	if r.Origin == vigil.FromUndo && (of.Open() || of.State == vigil.Healed || of.Origin != vigil.FromPolicy) {
		wa.w.broken(takenBack, "%s takes back %s, which is %s", r.ID, r.Undoes, of.State)
	}
}

// plan holds what is handed out to what is known now.
func (wa *watch) plan(r vigil.Remediation, p *policy) {
	c := wa.w.collector
	n, known := wa.news[r.Policy+"|"+r.Target.String()]
	switch {
	case !known || !n.bad:
		wa.w.broken(freshPlan, "%s is leased, and what was last heard is not bad", r.ID)
	case n.revision != r.Revision:
		wa.w.broken(freshPlan, "%s of revision %d is leased, and the policy is at %d", r.ID, r.Revision, n.revision)
	case c.clock().Sub(n.at) > p.Lookback.D():
		wa.w.broken(freshPlan, "%s is leased on a sample %s old", r.ID, c.clock().Sub(n.at))
	case c.clock().Before(c.began.Add(r.Guards.Warmup.D())):
		wa.w.broken(warmUp, "%s is leased %s after the start", r.ID, c.clock().Sub(c.began))
	case p.Mode == vigil.Suggest && !wa.approved[r.ID]:
		wa.w.broken(askedFirst, "%s is leased and nobody agreed", r.ID)
	}
	wa.group(r)
}

// group holds what is handed out to how its group stands.
func (wa *watch) group(r vigil.Remediation) {
	treated := map[vigil.Target]bool{r.Target: true}
	for _, other := range wa.w.collector.disk.rows {
		switch other.State {
		case vigil.Leased, vigil.Running, vigil.Verifying, vigil.Unknown:
			if other.Group == r.Group && !wa.after(other) {
				treated[other.Target] = true
			}
		default:
		}
	}
	if most := max(1, r.Guards.MaxConcurrent.Of(len(wa.w.fleet))); len(treated) > most {
		wa.w.broken(groupCap, "%s is leased as one of %d in treatment, of which %d may be", r.ID, len(treated), most)
	}
	if g := wa.w.collector.disk.guards["group:"+r.Group]; wa.stormy[r.Policy] && g.Trip != nil {
		wa.w.broken(stormStop, "%s is leased in a storm", r.ID)
	}
}

// after reports whether somebody acted on the target since the remediation
// ended without its executor's word: it counts no more.
func (wa *watch) after(r vigil.Remediation) bool {
	deeds := wa.w.collector.disk.targets[r.Target.String()].Deeds
	return r.State == vigil.Unknown && len(deeds) > 0 && deeds[len(deeds)-1].After(r.EndedAt)
}

func (wa *watch) policy(r vigil.Remediation) *policy {
	for _, p := range wa.w.policies {
		if r.Origin == vigil.FromPolicy && p.Name == r.Policy {
			return p
		}
	}
	return nil
}

func (wa *watch) leased(l flow.Lease) {
	key := l.Target.String()
	if l.Fence <= wa.fences[key] {
		wa.w.broken(fenceGrows, "%s was at %d, and now %d is leased", key, wa.fences[key], l.Fence)
	}
	wa.fences[key] = l.Fence
}

// entered holds an action that begins to have effects to what is on disk.
func (wa *watch) entered(l flow.Lease) {
	key, c := l.Target.String(), wa.w.collector
	r := c.disk.rows[l.Remediation]
	wa.w.say("%s: %s is entered on %s, fence %d", l.Remediation, l.Action, key, l.Fence)
	if !wa.intents[l.Fence][key] {
		wa.w.broken(intentFirst, "%s on %s is entered and no start is on disk", l.Remediation, key)
	}
	step := slices.IndexFunc(r.Attempts, func(a vigil.Attempt) bool { return a.Fence == l.Fence })
	if step >= 0 {
		step = r.Attempts[step].Step
	}
	wa.once(l, step)
	wa.entries[key] = append(wa.entries[key], entry{l.Remediation, step, c.clock(), r.Origin == vigil.FromPolicy})
	wa.budget(key, r)
}

// once holds a second start of a step to who may ask for it.
func (wa *watch) once(l flow.Lease, step int) {
	before := func(e entry) bool { return e.remediation == l.Remediation && e.step == step }
	switch {
	case !slices.ContainsFunc(wa.entries[l.Target.String()], before):
	case l.Previous != string(vigil.Unknown):
		wa.w.broken(startedOnce, "%s starts %s again and is not told so", l.Remediation, l.Action)
	case l.Action == careful && !wa.again[l.Remediation]:
		wa.w.broken(startedOnce, "%s starts %s again and no person asked for it", l.Remediation, l.Action)
	}
}

// budget counts what policies did to a target within an hour.
func (wa *watch) budget(key string, r vigil.Remediation) {
	n := 0
	for _, e := range wa.entries[key] {
		if e.byPolicy && wa.w.collector.clock().Sub(e.at).Abs() < r.Guards.Budget.Per.D() {
			n++
		}
	}
	if r.Origin == vigil.FromPolicy && n > r.Guards.Budget.N {
		wa.w.broken(budgetHolds, "%d actions on %s within %s", n, key, r.Guards.Budget.Per)
	}
}

// rest is what must hold once all faults are over and time has passed.
func (wa *watch) rest() {
	for _, id := range wa.w.collector.disk.order {
		r := wa.w.collector.disk.rows[id]
		switch r.State {
		case vigil.Leased, vigil.Running, vigil.Verifying, vigil.Planned:
			wa.w.broken(noLostEnd, "%s is still %s", id, r.State)
		default:
		}
		for _, a := range r.Attempts {
			if !a.StartedAt.IsZero() && a.EndedAt.IsZero() {
				wa.w.broken(noLostEnd, "attempt %d of %s, %s, never ended", a.N, id, r.State)
			}
		}
	}
}
