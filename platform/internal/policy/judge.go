package policy

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// judge puts the due rows of a desk to its guest and records the answers.
func (sh *shard) judge(ctx context.Context, d *desk, now time.Time) error {
	if now.Before(d.retry) {
		return sh.stall(ctx, d, now, note{basis: vigil.BasisBackoff, reason: "the policy's module failed and is given time"})
	}
	d.compose()
	if len(d.asked) == 0 { // all of it was old
		d.done()
		return nil
	}
	judgements, err := sh.call(ctx, d, now)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return errors.Join(err, sh.stall(ctx, d, now, note{reason: failure(err), asking: d.heard}))
	}
	fired, err := sh.record(ctx, d.notes(&sh.paper, judgements), now)
	if !fired {
		sh.trace(d)
	}
	sh.paper.wipe()
	d.done()
	return err
}

// record hands notes to the books of their targets, which is nearly always one.
func (sh *shard) record(ctx context.Context, notes []note, now time.Time) (fired bool, err error) {
	var errs []error
	for len(notes) > 0 {
		b := notes[0].track.book
		own, others := notes, []note(nil)
		if slices.ContainsFunc(notes, func(n note) bool { return n.track.book != b }) {
			own = nil
			for _, n := range notes {
				if n.track.book == b {
					own = append(own, n)
				} else {
					others = append(others, n)
				}
			}
		}
		f, err := b.record(ctx, own, now)
		fired, errs, notes = fired || f, append(errs, err), others
		if b != sh.e.books[sh.index] {
			sh.e.shards[slices.Index(sh.e.books, b)].inbox.hint() // its next tick may be sooner
		}
	}
	return fired, errors.Join(errs...)
}

// failure says why a guest gave no answer.
func failure(err error) string {
	return clip(vigil.AsError(err).Msg + " (" + vigil.CodeOf(err) + ")")
}

// stall records why due rows could not be judged and keeps the newest of each
// track for when the guest is back.
func (sh *shard) stall(ctx context.Context, d *desk, now time.Time, why note) error {
	notes := make([]note, 0, len(d.due))
	for _, t := range d.due {
		p, row := t.newest()
		at, heard := time.Unix(0, p.from.batch.Times[row]), p.from.batch.Received
		notes = append(notes, note{
			track: t, verdict: vigil.VerdictError, reason: why.reason, basis: why.basis, asking: why.asking,
			at: at, received: heard, newest: at, heard: heard, began: p.from.at,
			seen: slice{p.from.batch.Times[row : row+1], p.from.batch.Values[row : row+1], p.flags},
		})
		t.said = vigil.VerdictError
		if len(t.rows) > 1 || p.from.rows > 1 {
			own := p.from.single(&flow.Run{ID: t.id, Meta: t.series, Flags: p.flags}, row)
			t.rows = append(t.rows[:0], piece{from: own, count: 1, flags: p.flags})
		}
	}
	_, err := sh.record(ctx, notes, now)
	return err
}

// tick tells the guest that time passes and the books which series have gone
// silent; series silent for long are forgotten.
func (sh *shard) tick(ctx context.Context, d *desk, now time.Time) error {
	d.next = now.Add(d.bound.row.Interval.D())
	if len(d.tracks) == 0 {
		return nil
	}
	var errs []error
	if !now.Before(d.retry) {
		d.ask.Runs, d.ask.Times, d.ask.Values = d.ask.Runs[:0], d.ask.Times[:0], d.ask.Values[:0]
		if _, err := sh.call(ctx, d, now); err != nil {
			errs = append(errs, err)
		}
	}
	var notes []note
	for id, t := range d.tracks {
		age := now.Sub(time.Unix(0, t.last))
		switch {
		case age > forgetting && len(t.rows) == 0:
			t.book.forget(t)
			delete(d.tracks, id)
			sh.forgetRoute(id)
			if sh.tracks--; sh.tracks == maxTracks-1 {
				sh.forgetRoutes() // there is room for a series turned away before
			}
		case age > d.bound.row.Lookback.D() && !t.silent:
			t.silent = true
			notes = append(notes, note{track: t, heard: now, began: now})
		}
	}
	_, err := sh.record(ctx, notes, now)
	return errors.Join(append(errs, err)...)
}

// trace records the evaluation of batches whose sender asked for a trace. When
// an episode fires the healer does it.
func (sh *shard) trace(d *desk) {
	var last *offer
	for _, o := range d.origins {
		if o == last || o.batch.Trail == nil || !o.batch.Trail.Context.Sampled {
			continue
		}
		last = o
		sh.e.opts.Spans.Emit(evaluateSpan(o.batch.Trail, d.bound.rule, o.at, sh.e.opts.Now()))
	}
}
