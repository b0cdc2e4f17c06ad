package policytest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/policy"
)

// Guest is the bytes' side of a policy, in the sandbox or out of it.
type Guest interface {
	Configure(config uint32, settings []byte) error
	Series(dictionary []byte) error
	Eval(batch []byte) (reply []byte, err error)
}

// Asking is a Guest whose host calls somebody can answer.
type Asking interface {
	AnswerWith(c Caller)
}

// Caller answers host calls.
type Caller = policy.Caller

// Split cuts a vector's samples into batches.
type Split struct {
	Name string
	size func(samples int) int // of a batch
}

// Splits are the three that every vector runs under.
func Splits() []Split {
	return []Split{
		{"whole", func(n int) int { return n }},
		{"one at a time", func(int) int { return 1 }},
		{"halves", func(n int) int { return (n + 1) / 2 }},
	}
}

// start is the time from which a vector counts.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Player plays vectors on one guest. Each play has a policy's number and series
// of its own, as if many policies shared the guest.
type Player struct {
	guest  Guest
	config uint32
	series uint32 // told to the guest so far
}

// NewPlayer makes a Player for a guest that nobody else configures.
func NewPlayer(g Guest) *Player { return &Player{guest: g} }

// Configure gives the guest the vector's settings, as those of a new policy.
func (p *Player) Configure(v Vector) error {
	p.config++
	return p.guest.Configure(p.config, v.Settings)
}

// Play configures the guest, runs the vector's samples through it under one
// split and returns what it said, repeats dropped, ordered by series.
func (p *Player) Play(v Vector, split Split) ([]Decision, error) {
	if err := p.Configure(v); err != nil {
		return nil, fmt.Errorf("configure: %w", err)
	}
	if g, asks := p.guest.(Asking); asks {
		g.AnswerWith(v.World())
	}
	first := p.series
	p.series += uint32(len(v.Series))
	if err := p.guest.Series(dictionary(v, first)); err != nil {
		return nil, fmt.Errorf("tell series: %w", err)
	}
	var said []Decision
	all := timeline(v)
	for batch := range slices.Chunk(all, max(1, split.size(len(all)))) {
		decisions, err := p.eval(batch, first)
		if err != nil {
			return nil, fmt.Errorf("judge batch from %v: %w", batch[0].At, err)
		}
		said = append(said, decisions...)
	}
	return compress(said), nil
}

// point is a sample and the series it belongs to.
type point struct {
	Sample
	series int
}

// timeline is all samples of a vector in the order of time.
func timeline(v Vector) []point {
	var all []point
	for i, s := range v.Series {
		for _, sample := range s.Samples {
			all = append(all, point{sample, i})
		}
	}
	slices.SortStableFunc(all, func(a, b point) int { return cmp.Compare(a.At, b.At) })
	return all
}

func seriesID(ref uint32) uint64 { return 1<<32 + uint64(ref) }

func dictionary(v Vector, first uint32) []byte {
	entries := make([]abi.Series, len(v.Series))
	for i, s := range v.Series {
		ref := first + uint32(i)
		labels := []string{"__name__", s.Name}
		for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
			labels = append(labels, name, s.Labels[name])
		}
		entries[i] = abi.Series{ID: seriesID(ref), Ref: ref, Labels: labels}
	}
	return abi.AppendDictionary(nil, entries)
}

// eval sends one batch: the points of each series side by side.
func (p *Player) eval(points []point, first uint32) ([]Decision, error) {
	points = slices.Clone(points)
	now := points[len(points)-1].At
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.series, b.series) })
	var rows []abi.Row
	var of []int // series of each row
	times, values := make([]int64, len(points)), make([]float64, len(points))
	for i, pt := range points {
		if len(of) == 0 || of[len(of)-1] != pt.series {
			ref := first + uint32(pt.series)
			rows = append(rows, abi.Row{ID: seriesID(ref), Ref: ref, First: uint32(i)})
			of = append(of, pt.series)
		}
		rows[len(rows)-1].Count++
		times[i], values[i] = start.Add(pt.At).UnixNano(), pt.Value
	}
	head := abi.Header{Config: p.config, Now: start.Add(now).UnixNano()}
	reply, err := p.guest.Eval(abi.AppendBatch(nil, head, rows, times, values))
	if err != nil {
		return nil, err
	}
	decisions, err := abi.ReadDecisions(nil, reply, len(rows))
	if err != nil {
		return nil, err
	}
	said := make([]Decision, len(decisions))
	for i, d := range decisions {
		said[i] = fromABI(d, of[d.Series])
	}
	return said, nil
}

func fromABI(d abi.Decision, series int) Decision {
	value, message := Value(d.Value), d.Text()
	return Decision{
		Series: series, Kind: d.Kind.String(), At: Seconds(time.Unix(0, d.At).Sub(start)),
		Value: &value, Message: &message, Severity: &d.Severity, Runbook: &d.Runbook, Score: &d.Score,
	}
}

// compress orders decisions by series and drops each that repeats the kind of
// the one before it.
func compress(said []Decision) []Decision {
	slices.SortStableFunc(said, func(a, b Decision) int { return cmp.Compare(a.Series, b.Series) })
	return slices.CompactFunc(said, func(a, b Decision) bool { return a.Series == b.Series && a.Kind == b.Kind })
}
