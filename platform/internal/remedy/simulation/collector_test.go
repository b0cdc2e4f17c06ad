package simulation_test

import (
	"encoding/binary"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/remedy"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The actions of these histories. A careful one must not be started twice.
const (
	idempotent = "restart"
	careful    = "failover"
)

const codeDisk = "storage_failed"

// collector is a healer's process: the shipped Step between a disk and a network.
type collector struct {
	w       *world
	disk    *disk
	state   remedy.State
	up      bool
	life    int           // processes so far
	skew    time.Duration // of its clock
	steps   uint64
	actions map[string]remedy.Action      // what their names mean, always the same
	polls   map[string][]func(flow.Lease) // long polls by remediator
	began   time.Time                     // of this process, or its clock's last jump, by its clock
}

func newCollector(w *world) *collector {
	return &collector{w: w, disk: newDisk(), actions: actions(), polls: map[string][]func(flow.Lease){}}
}

func (c *collector) clock() time.Time { return c.w.now.Add(c.skew) }

// boot starts the process from what is on disk.
func (c *collector) boot() {
	c.began, c.up = c.clock(), true
	c.state = remedy.NewState("default", c.began, remedy.DefaultManual(), remedy.Fleet{}, c.disk.treatment(), c.disk.ended())
	c.w.say("collector starts")
	c.tick()
}

// revive makes sure that the process runs.
func (c *collector) revive() {
	was := c.skew
	if c.w.calm {
		c.skew = 0
	}
	if !c.up {
		c.boot()
	} else if c.w.calm {
		c.jumped(was)
	}
}

// crash ends the process: what is only in memory is gone, the polls too.
func (c *collector) crash() {
	c.w.say("collector dies")
	c.up, c.state = false, remedy.State{}
	c.life++
	clear(c.polls)
	c.w.in(c.w.between(time.Second, 40*time.Second), c.revive)
}

// tick tells the time every second or two, and at times a clock that was set.
func (c *collector) tick() {
	life := c.life
	c.w.in(c.w.between(time.Second, 3*time.Second), func() {
		if c.life != life {
			return
		}
		if c.w.fault(120) {
			was := c.skew
			c.skew = 0
			if c.w.rng.IntN(2) == 0 {
				c.skew = c.w.between(-40*time.Second, 40*time.Second)
			}
			c.w.say("clock jumps by now %s", c.skew)
			c.jumped(was)
		}
		c.step(remedy.Ticked{})
		if c.up {
			c.tick()
		}
	})
}

// jumped tells that the clock was set, and how far from where it was, until that
// is on disk.
func (c *collector) jumped(was time.Duration) {
	c.began = c.clock()
	for {
		if out, heard := c.step(remedy.Jumped{Ahead: c.skew - was}); !heard || vigil.CodeOf(out.Err) != codeDisk {
			return
		}
	}
}

// step takes an event as the healer does: the change is made durable first, and
// only then the state is seen and the leases go out. It reports whether the
// event was heard, and what came of it.
func (c *collector) step(body remedy.Body) (remedy.Effects, bool) {
	if !c.up || c.w.err != nil {
		return remedy.Effects{}, false
	}
	c.steps++
	e := remedy.Event{Body: body, Waiting: map[string]int{}, Actions: c.actions}
	binary.LittleEndian.PutUint64(e.Seed[:], c.w.seed)
	binary.LittleEndian.PutUint64(e.Seed[8:], c.steps)
	for id, polls := range c.polls {
		e.Waiting[id] = len(polls)
	}
	next, out := remedy.Step(c.state, e, c.clock())
	if c.steps%64 == 0 {
		if _, again := remedy.Step(c.state, e, c.clock()); !reflect.DeepEqual(out, again) {
			c.w.broken("determinism", "%T taken twice differs", body)
		}
	}
	if c.w.fault(900) {
		c.crash() // before the commit
		return out, false
	}
	if err := c.commit(out.Change); err != nil {
		return remedy.Effects{Err: err}, true
	}
	c.w.watch.changed(body, out)
	if c.w.fault(900) {
		c.crash() // after it, before anybody was told
		return out, false
	}
	c.state = next
	for _, l := range out.Leases {
		c.deliver(l)
	}
	return out, true
}

func (c *collector) commit(change flow.Change) error {
	if c.w.fault(400) {
		c.w.say("the disk refuses")
		return vigil.Errorf(vigil.Unavailable, codeDisk, "the disk refuses")
	}
	err := c.disk.apply(change)
	if err != nil {
		c.w.broken(versions, "%v", err)
	}
	return err
}

// deliver hands a lease to the oldest poll of its remediator. The answer may be
// lost, as the process does not wait for it.
func (c *collector) deliver(l remedy.Handout) {
	polls := c.polls[l.Remediator]
	if len(polls) == 0 {
		c.w.broken("handout", "a lease for %s, which does not wait", l.Remediator)
		return
	}
	c.polls[l.Remediator] = polls[1:]
	if len(polls) == 1 {
		delete(c.polls, l.Remediator)
	}
	c.w.answer(func() { polls[0](l.Lease) })
}

func actions() map[string]remedy.Action {
	all := map[string]remedy.Action{}
	for _, name := range []string{idempotent, careful} {
		m := vigil.Module{
			Name: name, Digest: "sha256:" + name, Kind: vigil.ActionModule, Idempotent: name == idempotent,
			Requires: []vigil.Requirement{{Capability: "service.restart", Target: "service:*"}},
		}
		a := remedy.Action{Module: m, Grants: []vigil.Grant{{Digest: m.Digest, Capability: "service.restart", Target: "service:*"}}}
		all[name], all[m.Digest] = a, a
	}
	return all
}

// disk is what survives the collector.
type disk struct {
	rows    map[string]vigil.Remediation
	order   []string
	targets map[string]flow.TargetMemory
	guards  map[string]flow.GuardMemory
	kill    flow.KillSwitch
	pauses  map[string]vigil.Pause
	windows map[string]vigil.Window
	open    map[string]string // target → the remediation that occupies it
}

func newDisk() *disk {
	return &disk{
		rows: map[string]vigil.Remediation{}, targets: map[string]flow.TargetMemory{}, guards: map[string]flow.GuardMemory{}, open: map[string]string{},
		pauses: map[string]vigil.Pause{}, windows: map[string]vigil.Window{},
	}
}

// apply takes a change whole, and refuses what does not follow from what is there.
func (d *disk) apply(c flow.Change) error {
	for _, r := range c.Remediations {
		if was := d.rows[r.ID].Version; r.Version != was+1 {
			return vigil.Errorf(vigil.Conflict, "version_conflict", "%s goes from version %d to %d", r.ID, was, r.Version)
		}
	}
	for _, m := range c.Targets {
		if was := d.targets[m.Target.String()].Fence; m.Fence < was {
			return vigil.Errorf(vigil.Conflict, "fence_stale", "the fence of %s goes from %d to %d", m.Target, was, m.Fence)
		}
	}
	for _, r := range c.Remediations {
		if _, known := d.rows[r.ID]; !known {
			d.order = append(d.order, r.ID)
		}
		r.Attempts = slices.Clone(r.Attempts)
		d.rows[r.ID] = r
	}
	for _, m := range c.Targets {
		d.targets[m.Target.String()] = m
	}
	for _, m := range c.Guards {
		if d.guards[m.Of] = m; m.Empty() {
			delete(d.guards, m.Of)
		}
	}
	if c.KillSwitch != nil {
		d.kill = *c.KillSwitch
	}
	d.brake(c.Brakes)
	return nil
}

func (d *disk) brake(b flow.Brakes) {
	for _, id := range b.Lifted {
		delete(d.pauses, id)
	}
	for _, name := range b.Removed {
		delete(d.windows, name)
	}
	for _, p := range b.Pauses {
		d.pauses[p.ID] = p
	}
	for _, w := range b.Windows {
		d.windows[w.Name] = w
	}
}

func (d *disk) treatment() flow.Treatment {
	t := flow.Treatment{KillSwitch: d.kill, Pauses: slices.Collect(maps.Values(d.pauses)), Windows: slices.Collect(maps.Values(d.windows))}
	for _, id := range d.order {
		if r := d.rows[id]; r.Open() {
			t.Open = append(t.Open, r)
		}
	}
	for _, m := range d.targets {
		t.Targets = append(t.Targets, m)
	}
	for _, of := range slices.Sorted(maps.Keys(d.guards)) {
		t.Guards = append(t.Guards, d.guards[of])
	}
	slices.SortFunc(t.Targets, func(a, b flow.TargetMemory) int { return strings.Compare(a.Target.String(), b.Target.String()) })
	return t
}

// ended lists those that ended and still count, newest first.
func (d *disk) ended() (all []vigil.Remediation) {
	for _, id := range slices.Backward(d.order) {
		switch r := d.rows[id]; r.State {
		case vigil.Unknown, vigil.TimedOut, vigil.Cancelled, vigil.Inconclusive:
			all = append(all, r)
		default:
		}
	}
	return all
}
