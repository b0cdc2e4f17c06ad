package remedy

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/guard"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// draft is a step in the making: the next state and the effects so far.
type draft struct {
	State
	e       Event
	now     time.Time
	out     Effects
	waiting map[string]int
	rows    map[string]vigil.Remediation // remediations whose row changes, as they are now
	before  map[string]bool              // whether they were open before the step; absent: new
	order   []string                     // ids of rows, in the order they were touched
	deeds   []string                     // targets whose memory changes
	freed   []string                     // targets that may act again
	counts  map[string]bool              // remediations whose end is counted
	learned map[string]flow.GuardMemory  // what guards remember, as far as it changes
	sick    map[string]bool              // what is bad or in treatment, by name; nil until it is asked for
	rules   map[guard.Stage][]guard.Rule // those asked at a stage, once they were
	drawn   uint32                       // identifiers drawn from the seed so far
	broken  error                        // a move that the state machine forbids: the step is void
}

func newDraft(s State, e Event, now time.Time) *draft {
	s.give(new(byte))
	s.brakes = s.brakes.At(now)
	return &draft{
		State: s, e: e, now: now,
		waiting: maps.Clone(e.Waiting),
		rows:    map[string]vigil.Remediation{},
		before:  map[string]bool{},
		counts:  map[string]bool{},
		rules:   map[guard.Stage][]guard.Rule{},
	}
}

// draw makes the next random bytes from the seed.
func (d *draft) draw() [32]byte {
	d.drawn++
	return sha256.Sum256(binary.LittleEndian.AppendUint32(d.e.Seed[:], d.drawn))
}

// ask asks the guards of a stage.
func (d *draft) ask(at guard.Stage, r guard.Request) *vigil.Hold {
	rules, ok := d.rules[at]
	if !ok {
		rules = guard.For(at)
		d.rules[at] = rules
	}
	return guard.Check(rules, r, d.now)
}

// newID draws an identifier in the form of vigil.NewID.
func (d *draft) newID(prefix string) string {
	sum := d.draw()
	return prefix + "-" + readable(sum[:])
}

// readable renders fifty of the bits in lower-case Crockford base 32.
func readable(bits []byte) string {
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	var b [10]byte
	for i := range b {
		b[i] = alphabet[bits[i]&31]
	}
	return string(b[:])
}

// edit returns a copy of a tracked remediation that may be changed and saved.
func (d *draft) edit(id string) (vigil.Remediation, bool) {
	r, ok := d.open.get(id)
	r.Attempts = slices.Clone(r.Attempts)
	return r, ok
}

// save makes r part of the change: its row is written once, one version on.
func (d *draft) save(r *vigil.Remediation) {
	if _, ok := d.rows[r.ID]; !ok {
		if was, known := d.open.get(r.ID); known {
			d.before[r.ID] = was.Open()
		}
		r.Version++
		d.order = append(d.order, r.ID)
	}
	r.UpdatedAt = d.now
	d.rows[r.ID] = *r
	if !r.Open() && d.before[r.ID] && !d.counts[r.ID] {
		d.counts[r.ID] = true
		d.outcome(*r)
	}
	d.keep(*r)
	if !r.Open() {
		d.freed = append(d.freed, r.Target.String())
	}
}

// move takes one edge of the state machine and records it. The caller saves.
func (d *draft) move(r *vigil.Remediation, to vigil.State, by, message string, detail any) {
	from := r.State
	if from != "" && !from.CanBecome(to) {
		d.broken = vigil.Errorf(vigil.Internal, "no_edge", "%s: no edge from %s to %s", r.ID, from, to)
		return
	}
	r.State, r.EndedAt = to, time.Time{}
	if to == vigil.AwaitingApproval {
		r.Asked = d.digest(*r)
	}
	if to.Final() {
		r.EndedAt = d.now
	} else {
		r.HandOff = nil // it goes on by itself after all
	}
	d.record(vigil.AuditRecord{
		By: by, Verb: "remediation." + string(to), Object: r.ID, Target: r.Target.String(),
		From: string(from), To: string(to), Message: message, Detail: asJSON(detail),
	})
}

func (d *draft) record(rec vigil.AuditRecord) {
	rec.At = d.now
	d.out.Change.Audit = append(d.out.Change.Audit, rec)
}

// fail keeps the first refusal.
func (d *draft) fail(err error) {
	if d.out.Err == nil {
		d.out.Err = err
	}
}

// remember changes a target's memory and makes that part of the change.
func (d *draft) remember(t vigil.Target, change func(m *flow.TargetMemory)) {
	key := t.String()
	m, _ := d.targets.get(key)
	m.Target, m.Deeds, m.Updated = t, slices.Clone(m.Deeds), d.now
	change(&m)
	d.targets.put(key, m)
	if !slices.Contains(d.deeds, key) {
		d.deeds = append(d.deeds, key)
	}
}

// deed remembers that an attempt on the target ended now. Whoever may still
// have been running there no longer matters.
func (d *draft) deed(r *vigil.Remediation) {
	d.remember(r.Target, func(m *flow.TargetMemory) {
		m.Deeds = append(m.Deeds, d.now)
		m.Deeds = m.Deeds[max(0, len(m.Deeds)-maxDeeds):]
	})
	d.settleLimbo(r.Target.String(), r.ID)
}

// finish gathers the rows of the change.
func (d *draft) finish() {
	for _, id := range d.order {
		r := d.rows[id]
		d.out.Change.Remediations = append(d.out.Change.Remediations, r)
		if was, known := d.before[id]; !r.Open() && (was || !known) {
			d.out.Spans = append(d.out.Spans, remediationSpan(r))
		}
	}
	for _, key := range d.deeds {
		m, _ := d.targets.get(key)
		d.out.Change.Targets = append(d.out.Change.Targets, m)
	}
	for _, of := range slices.Sorted(maps.Keys(d.learned)) {
		d.out.Change.Guards = append(d.out.Change.Guards, d.learned[of])
	}
}

func asJSON(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage(fmt.Sprintf("%q", err.Error()))
	}
	return b
}
