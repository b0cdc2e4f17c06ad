package policy

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// timetable says which rules' queries are to be asked, and when. A rule is asked
// for times that are whole multiples of its interval since 1970, so that every
// run and every collector asks for the same ones. One goroutine uses it.
type timetable struct {
	set  *set // that it was laid out for
	rows map[*rule]*call
}

// call is one rule's row.
type call struct {
	bound  *bound
	next   time.Time          // the next time to be asked for
	at     time.Time          // the time that waits to be asked for; zero: none does
	cancel context.CancelFunc // of the question under way; nil: none is
}

func (c *call) every() time.Duration { return c.bound.row.Select.Every.D() }

// aligned is the last time to be asked for that is not after now.
func (c *call) aligned(now time.Time) time.Time {
	ns := now.UnixNano()
	return time.Unix(0, ns-ns%int64(c.every())).UTC()
}

// adopt follows the set in force. A question of a rule that is gone is canceled.
func (t *timetable) adopt(s *set, now time.Time) {
	if s == t.set {
		return
	}
	t.set = s
	for r, c := range t.rows {
		if s.has(r) {
			continue
		}
		if c.cancel != nil {
			c.cancel()
		}
		delete(t.rows, r)
	}
	for _, b := range s.active {
		if b.rule.query == nil {
			continue
		}
		c := t.rows[b.rule]
		if c == nil {
			c = &call{bound: b}
			c.next = c.aligned(now).Add(c.every())
			t.rows[b.rule] = c
		}
		c.bound = b
	}
}

// turn notes which questions are due at a time. A rule has at most one waiting:
// one that it did not come to is left out for the newer one, and counted.
func (t *timetable) turn(now time.Time) {
	for r, c := range t.rows {
		last := c.aligned(now)
		if c.next.Sub(last) > 2*c.every() {
			c.next = last.Add(c.every()) // the clock was set back
		}
		if now.Before(c.next) {
			continue
		}
		missed := last.Sub(c.next) / c.every()
		if !c.at.IsZero() {
			missed++
		}
		c.at, c.next = last, last.Add(c.every())
		if c.cancel != nil { // the one before takes longer than the interval
			c.at = time.Time{}
			missed++
		}
		r.query.skip(uint64(missed))
	}
}

// waiting are the calls that may be asked, the longest wait first.
func (t *timetable) waiting() (calls []*call) {
	for _, c := range t.rows {
		if !c.at.IsZero() {
			calls = append(calls, c)
		}
	}
	slices.SortFunc(calls, func(a, b *call) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.bound.row.Name, b.bound.row.Name))
	})
	return calls
}

// due is when the next question is; zero means never.
func (t *timetable) due() (next time.Time) {
	for _, c := range t.rows {
		next = earliest(next, c.next)
	}
	return next
}

// question is what a call asks now.
func (c *call) question() flow.Query {
	return flow.Query{Text: c.bound.row.Select.Query, At: c.at, Lookback: c.bound.row.Lookback.D()}
}
