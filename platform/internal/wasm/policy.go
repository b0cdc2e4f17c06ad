package wasm

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Policy is an instance of a policy module that serves all policies of one
// shard that use the module. It belongs to one goroutine. After an error that
// ended the guest every call answers guest_closed: close it and open another.
type Policy struct {
	engine               *Engine
	guest                *guest
	inst                 *instance
	configure, tell, ask api.Function
	refs                 map[uint64]uint32 // dictionary reference of each series the guest knows
	met                  []met             // by reference
	fresh                []abi.Series      // scratch
	rows                 []abi.Row         // scratch
	decisions            []abi.Decision    // scratch
	message              []byte            // scratch
	said                 []flow.Judgement  // scratch
}

// OpenPolicy makes an instance of the policy module with this digest. The
// function is called for the module's bytes if it is not compiled yet.
func (e *Engine) OpenPolicy(ctx context.Context, digest string, bytes func() ([]byte, error)) (*Policy, error) {
	g, err := e.acquire(ctx, digest, source{bytes: bytes})
	if err != nil {
		return nil, err
	}
	if g.manifest.Kind != vigil.PolicyModule {
		e.release(ctx, g)
		return nil, vigil.Errorf(vigil.Invalid, "module_kind", "module %s is an %s, not a policy", g.manifest.Name, g.manifest.Kind)
	}
	inst, err := e.fresh(ctx, g)
	if err != nil {
		e.release(ctx, g)
		return nil, err
	}
	p := newPolicy(e, g, inst)
	if e.log.Enabled(ctx, slog.LevelDebug) {
		inst.world.level = abi.LevelDebug
	}
	return p, nil
}

func newPolicy(e *Engine, g *guest, inst *instance) *Policy {
	inst.patience, inst.world.level = e.o.Deadline, abi.LevelWarn
	return &Policy{
		engine: e, guest: g, inst: inst, refs: map[uint64]uint32{},
		configure: inst.mod.ExportedFunction(abi.ExportConfigure),
		tell:      inst.mod.ExportedFunction(abi.ExportSeries),
		ask:       inst.mod.ExportedFunction(abi.ExportEval),
	}
}

// Close frees the instance.
func (p *Policy) Close(ctx context.Context) error {
	if p.guest != nil {
		p.inst.close(ctx)
		p.engine.release(ctx, p.guest)
		p.guest = nil
	}
	return nil
}

// Configure tells the guest the settings of one policy, as JSON, under the
// number that its batches will name. Settings that the module refuses give
// settings_invalid with the field, and leave the instance as it was.
func (p *Policy) Configure(ctx context.Context, config uint32, settings []byte) error {
	p.begin(time.Unix(0, 0), uint64(config))
	defer p.end(ctx)
	if len(settings) == 0 {
		settings = []byte("{}")
	}
	result, err := p.inst.send(ctx, p.configure, settings, uint64(config))
	if err != nil {
		return err
	}
	_, err = p.inst.region(ctx, result)
	return err
}

// begin sets the world of one call: its time, its random numbers, its
// deadline. The same time and sequence give the guest the same world.
func (p *Policy) begin(now time.Time, seq uint64) {
	i := p.inst
	i.now.now = now.UnixNano()
	i.world.deadline = i.now.now + int64(p.engine.o.Deadline)
	i.random.begin(i.now.now, seq)
}

// end puts what the guest logged into the log.
func (p *Policy) end(ctx context.Context) {
	if p.inst.world.log.empty() {
		return
	}
	for _, line := range p.inst.world.log.take() {
		p.engine.log.DebugContext(ctx, "guest log", "module", p.inst.name, "line", line)
	}
}

// Fuel is how much the last call of the guest used: a number that depends on
// the module and on what it was asked, on nothing else.
func (p *Policy) Fuel() int64 { return p.inst.spent }

// Cost is what the calls of the instance have cost until now, also those that
// failed, and the memory that it has or had.
func (p *Policy) Cost() flow.GuestCost { return p.inst.cost }

// Pages is how much memory the guest has, in pages of 64 KiB.
func (p *Policy) Pages() uint32 { return p.inst.pages() }

// Eval judges the rows of one batch, or an empty one: time passes. Series that
// the instance has not met are told to it first. A judgement's run and verdict
// are checked, its numbers finite and its time within what was asked. They are
// valid until the next call.
func (p *Policy) Eval(ctx context.Context, ask flow.Ask) ([]flow.Judgement, error) {
	if !wellFormed(ask) {
		return nil, vigil.Errorf(vigil.Internal, "ask_malformed", "runs lie outside %d times and %d values", len(ask.Times), len(ask.Values))
	}
	p.begin(ask.Now, ask.Seq)
	defer p.end(ctx)
	if !p.row(ask.Runs) {
		if err := p.introduce(ctx, ask.Runs); err != nil {
			return nil, err
		}
		p.row(ask.Runs)
	}
	b, err := p.inst.reserve(ctx, abi.BatchSize(len(ask.Runs), len(ask.Times)))
	if err != nil {
		return nil, err
	}
	head := abi.Header{Config: ask.Config, Now: ask.Now.UnixNano(), Seq: ask.Seq}
	if ask.Replay {
		head.Flags = abi.FlagReplay
	}
	// The batch is encoded in place: the guest's memory is its only copy.
	abi.AppendBatch(b[:0], head, p.rows, ask.Times, ask.Values)
	result, err := p.inst.call(ctx, p.ask, uint64(p.inst.ptr), uint64(len(b)))
	if err != nil {
		return nil, err
	}
	reply, err := p.inst.region(ctx, result)
	if err != nil {
		return nil, err
	}
	if p.decisions, err = abi.ReadDecisions(p.decisions[:0], reply, len(ask.Runs)); err != nil {
		code := "guest_bad_reply"
		if _, foreign := errors.AsType[abi.ForeignError](err); foreign {
			code = "target_out_of_scope" // it would have somebody else's target treated
		}
		return nil, p.inst.failed(ctx, trap(code, "%s", err))
	}
	p.inst.tally.ask(p.inst.spent, p.inst.took)
	p.inst.tally.samples.Add(uint64(len(ask.Times)))
	p.said = judgements(p.said[:0], ask, p.decisions)
	clear(p.decisions) // they point into the guest's memory
	return p.said, nil
}

// wellFormed reports whether each run lies within the columns.
func wellFormed(ask flow.Ask) bool {
	for i := range ask.Runs {
		if uint64(ask.Runs[i].First)+uint64(ask.Runs[i].Count) > uint64(len(ask.Times)) {
			return false
		}
	}
	return len(ask.Times) == len(ask.Values)
}

// introduce tells the guest the series it has not met.
func (p *Policy) introduce(ctx context.Context, runs []flow.Run) error {
	p.fresh = p.fresh[:0]
	for i := range runs {
		if _, known := p.refs[runs[i].ID]; known {
			continue
		}
		if len(p.refs) >= abi.MaxSeries {
			return p.inst.failed(ctx, trap("guest_quota", "met more than %d series", abi.MaxSeries))
		}
		ref := uint32(len(p.refs))
		p.refs[runs[i].ID] = ref
		p.met = append(p.met, met{id: runs[i].ID, next: ref + 1})
		p.fresh = append(p.fresh, abi.Series{ID: runs[i].ID, Ref: ref, Labels: pairs(runs[i].Meta)})
	}
	if len(p.fresh) == 0 {
		return nil
	}
	for chunk := range slices.Chunk(p.fresh, dictionaryChunk) {
		p.message = abi.AppendDictionary(p.message[:0], chunk)
		result, err := p.inst.send(ctx, p.tell, p.message)
		if err == nil {
			_, err = p.inst.region(ctx, result)
		}
		if err != nil {
			p.inst.close(ctx) // it knows some of the series and not others
			return err
		}
	}
	return nil
}

// pairs lists names and values of a series' labels, its name first.
func pairs(s vigil.Series) []string {
	list := append(make([]string, 0, 2+2*len(s.Labels)), "__name__", s.Name)
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		list = append(list, name, s.Labels[name])
	}
	return list
}

// met is a series that the guest knows.
type met struct {
	id   uint64
	next uint32 // the reference of the one that came after it the last time
}

// row sets up the rows of a batch, and reports whether the guest knows all of
// them. Series mostly come in the order of the last time, so that each is looked
// for after the one before it first.
func (p *Policy) row(runs []flow.Run) (known bool) {
	p.rows = p.rows[:0]
	last, ref := &met{}, uint32(0)
	for i := range runs {
		r := &runs[i]
		if ref = last.next; uint64(ref) >= uint64(len(p.met)) || p.met[ref].id != r.ID {
			if ref, known = p.refs[r.ID]; !known {
				return false
			}
			last.next = ref
		}
		last = &p.met[ref]
		p.rows = append(p.rows, abi.Row{ID: r.ID, Ref: ref, First: r.First, Count: r.Count, Flags: r.Flags})
	}
	return true
}

// judgements copies what the guest decided out of its memory.
func judgements(dst []flow.Judgement, ask flow.Ask, decisions []abi.Decision) []flow.Judgement {
	for i := range decisions {
		d := &decisions[i]
		dst = append(dst, flow.Judgement{
			Run:      int(d.Series),
			Verdict:  vigil.Verdict(d.Kind.String()),
			Severity: d.Severity,
			Runbook:  d.Runbook,
			Value:    finite(d.Value),
			Score:    finite(d.Score),
			At:       within(ask, ask.Runs[d.Series], d.At),
			Message:  cut(d.Text(), maxMessage),
		})
	}
	return dst
}

// finite makes a guest's number one that JSON can carry.
func finite(v float64) float64 {
	switch {
	case math.IsNaN(v):
		return 0
	case math.IsInf(v, 0):
		return math.Copysign(math.MaxFloat64, v)
	}
	return v
}

// within bounds a decision's time by the samples it was asked about, so that
// no guest can date a judgement after a deed that it has not seen the end of.
func within(ask flow.Ask, r flow.Run, at int64) time.Time {
	if r.Count == 0 {
		return time.Unix(0, min(at, ask.Now.UnixNano()))
	}
	first, last := ask.Times[r.First], ask.Times[r.First+r.Count-1]
	return time.Unix(0, min(max(at, first), last))
}
