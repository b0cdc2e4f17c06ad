package policy

import (
	"time"

	"github.com/techmedaddy/vigil/sdk/abi"
)

// Batch is the samples to judge now: of some series, or of none when only time
// has passed. It is valid until Evaluate returns.
//
// Batch and Series are small handles on one frame: copies of larger structs
// cost more in the sandbox than the judgement itself.
type Batch struct{ f *frame }

// frame is the message under way and the dictionary that explains it.
type frame struct {
	abi.Batch
	dict []abi.Series // by Row.Ref
	host Caller       // who answers calls in a test
}

// Each calls f with every series of the batch.
func (b Batch) Each(f func(Series)) {
	if len(b.f.Rows) == 0 {
		return
	}
	for i := 0; ; {
		f(Series{b.f, uint32(i), whole})
		if i++; i >= len(b.f.Rows) {
			return
		}
	}
}

// Len is the number of series in the batch.
func (b Batch) Len() int { return len(b.f.Rows) }

// Now is the time of this evaluation.
func (b Batch) Now() time.Time { return time.Unix(0, b.f.Now).UTC() }

// Config tells apart the policies that share this instance. State must be kept
// per Config and Series.ID.
func (b Batch) Config() uint32 { return b.f.Config }

// Replay reports whether the batch is history, sent to rebuild state after a
// restart. What is decided on it is discarded.
func (b Batch) Replay() bool { return b.f.Flags&abi.FlagReplay != 0 }

// whole is Series.at of a series with all its samples.
const whole = -1

// Series is one series' share of a batch: its labels and its new samples, in
// the order of time. There may be none. It is valid until Evaluate returns.
type Series struct {
	f   *frame
	row uint32
	at  int32 // index among the row's samples of the only one, or whole
}

// At is the series with its sample i alone, to decide on that one.
func (s Series) At(i int) Series {
	if s.at != whole {
		i += int(s.at)
	}
	return Series{s.f, s.row, int32(i)}
}

// span says where the samples lie in the columns.
func (s Series) span() (first, end uint32) {
	r := &s.f.Rows[s.row]
	if s.at == whole {
		return r.First, r.First + r.Count
	}
	first = r.First + uint32(s.at)
	return first, first + 1
}

// Values are the samples' values. They must not be changed.
func (s Series) Values() []float64 {
	first, end := s.span()
	return s.f.Values[first:end]
}

// Times are the samples' times in Unix nanoseconds, beside Values. They must
// not be changed.
func (s Series) Times() []int64 {
	first, end := s.span()
	return s.f.Times[first:end]
}

// Len is the number of samples.
func (s Series) Len() int {
	first, end := s.span()
	return int(end - first)
}

// ID names the series for good, also across restarts of the host.
func (s Series) ID() uint64 { return s.f.Rows[s.row].ID }

// Name is the metric's name.
func (s Series) Name() string { return s.Label("__name__") }

// Label is the value of a label, "" if the series has none of that name.
func (s Series) Label(name string) string { return s.f.dict[s.f.Rows[s.row].Ref].Label(name) }

// Stale reports whether the source said that the series ended.
func (s Series) Stale() bool { return s.flag(abi.FlagStale) }

// Reset reports whether a counter started anew since the last batch.
func (s Series) Reset() bool { return s.flag(abi.FlagReset) }

// Late reports whether some samples are older than samples already judged.
func (s Series) Late() bool { return s.flag(abi.FlagLate) }

func (s Series) flag(f uint32) bool { return s.f.Rows[s.row].Flags&f != 0 }

// newest is the time and value that a decision on the series carries: those of
// its last sample, or now and 0 if it has none.
func (s Series) newest() (at int64, value float64) {
	first, end := s.span()
	if first == end {
		return s.f.Now, 0
	}
	return s.f.Times[end-1], s.f.Values[end-1]
}
