package policy

import (
	"context"
	"errors"
	"math/bits"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The bounds of one shard's memory of series.
const (
	maxRoutes  = 1 << 20
	maxTracks  = 1 << 18
	forgetting = 24 * time.Hour // a series silent for so long is forgotten
)

// shard judges the series of some hosts. All but its inbox belongs to the one
// goroutine that steps it.
type shard struct {
	e      *Engine
	index  int
	inbox  inbox
	set    *set              // that the rest was laid out for
	desks  map[*rule]*desk   // one for each active rule
	routes map[uint64]*route // by series id
	tracks int
	guests map[string]*guest // by digest
	warm   time.Time         // when to see to guests not opened yet; zero: all are
	seq    uint64            // of the last guest call
	paper  paper
	last   *route       // of the series sorted last, nil at first
	strays []flow.Stray // not told yet

	recount, kept time.Time // when the census is next counted anew, and next kept
}

// desk is where one rule's work waits on one shard.
type desk struct {
	bound    *bound
	tracks   map[uint64]*track // by series id
	due      []*track          // those with rows not yet judged
	next     time.Time         // of the tick
	failures int               // of the guest, in a row
	retry    time.Time         // no guest call before, after failures
	ask      flow.Ask          // its columns are used again and again
	heard    evaluation        // of ask
	asked    []*track          // beside ask.Runs
	origins  []*offer          // beside ask.Times
}

// track is one series as one rule judges it.
type track struct {
	id      uint64
	series  vigil.Series
	desk    *desk
	book    *book
	target  vigil.Target
	subject *subject
	reading *reading      // the subject's of this series, nil until it is known
	rows    []piece       // not yet judged
	last    int64         // unix nanoseconds of the newest sample judged
	said    vigil.Verdict // by the last note
	silent  bool          // the book knows of its silence
}

// piece is some consecutive rows of an offer.
type piece struct {
	from         *offer
	first, count uint32
	flags        uint32
}

func newShard(e *Engine, i int) *shard {
	return &shard{
		e: e, index: i, inbox: newInbox(),
		desks: map[*rule]*desk{}, routes: map[uint64]*route{}, guests: map[string]*guest{},
	}
}

func (sh *shard) offer(o *offer) { sh.e.skipped.Add(uint64(sh.inbox.put(o))) }

// Step judges one turn of what shard waits for it and does what is due, in the
// order samples, ticks, episodes. One that fails does not stop the others; what
// failed is tried again by a later step. Only one goroutine may step a shard.
func (e *Engine) Step(ctx context.Context, shard int, now time.Time) error {
	sh := e.shards[shard]
	turn := sh.inbox.take() // before the set is looked up: what comes after an Apply is judged by it
	sh.adopt(ctx, now)
	errs := []error{sh.faults(ctx, turn, now)}
	sh.sort(turn)
	for _, b := range sh.set.active {
		d := sh.desks[b.rule]
		if len(d.due) > 0 {
			errs = append(errs, sh.judge(ctx, d, now))
		}
		if !now.Before(d.next) {
			errs = append(errs, sh.tick(ctx, d, now))
		}
	}
	errs = append(errs, sh.confess(ctx), e.books[shard].tick(ctx, now))
	errs = append(errs, sh.count(ctx, now))
	sh.warmUp(ctx, now)
	return errors.Join(errs...)
}

// due returns when the next step is worth it, wakes aside; zero means never.
func (sh *shard) due() time.Time {
	next := earliest(sh.warm, sh.e.books[sh.index].due())
	if sh.set == nil || sh.set != sh.e.set.Load() {
		return sh.e.born
	}
	for _, d := range sh.desks {
		if len(d.due) > 0 {
			next = earliest(next, d.retry)
		}
		if len(d.tracks) > 0 {
			next = earliest(next, d.next)
		}
	}
	return next
}

// adopt lays the shard out for the set in force. Desks of rules that stay are
// kept with their tracks; guests that nobody needs are closed.
func (sh *shard) adopt(ctx context.Context, now time.Time) {
	s := sh.e.set.Load()
	if s == sh.set {
		return
	}
	for r, d := range sh.desks {
		if !s.has(r) {
			sh.tracks -= len(d.tracks)
			delete(sh.desks, r)
		}
	}
	for _, b := range s.active {
		d := sh.desks[b.rule]
		if d == nil {
			d = &desk{tracks: map[uint64]*track{}, next: now.Add(b.row.Interval.D())}
			sh.desks[b.rule] = d
		}
		d.bound = b
	}
	sh.forgetRoutes()
	needed := s.digests()
	for digest := range sh.guests {
		if !needed[digest] {
			sh.discard(ctx, digest)
		}
	}
	sh.set, sh.warm = s, now
}

// sort lays the rows of a turn on the desks of the rules that judge them.
func (sh *shard) sort(turn []*offer) {
	for _, o := range turn {
		for i := range o.len() {
			r := o.run(i)
			if r.Count == 0 {
				continue
			}
			for _, t := range sh.judges(o, r) {
				if len(t.rows) == 0 {
					t.desk.due = append(t.desk.due, t)
				}
				t.rows = append(t.rows, piece{o, r.First, r.Count, r.Flags})
			}
		}
	}
}

// judges returns the tracks that judge a run of an offer.
func (sh *shard) judges(o *offer, r *flow.Run) []*track {
	if o.rule == nil {
		return sh.route(r).tracks
	}
	if d := sh.desks[o.rule]; d != nil {
		if t := sh.track(d.bound, r); t != nil {
			return []*track{t}
		}
	}
	return nil // the policy changed meanwhile
}

// route is what becomes of one series' samples.
type route struct {
	id     uint64
	tracks []*track // none: no policy judges the series
	next   *route   // of the series that came after it last time
	gone   bool
}

// route returns the route of a series. Policies are asked once per series and
// set. Senders repeat themselves, so that the series that came next the last time
// is tried before the map.
func (sh *shard) route(r *flow.Run) *route {
	last := sh.last
	if last != nil && last.next != nil && last.next.id == r.ID && !last.next.gone {
		sh.last = last.next
		return sh.last
	}
	sh.last = sh.routes[r.ID]
	if sh.last == nil {
		sh.last = sh.newRoute(r)
	}
	if last != nil {
		last.next = sh.last
	}
	return sh.last
}

func (sh *shard) forgetRoutes() {
	clear(sh.routes)
	sh.last = nil
}

func (sh *shard) forgetRoute(id uint64) {
	if r := sh.routes[id]; r != nil {
		r.gone = true // others may still expect it next
		delete(sh.routes, id)
	}
}

func (sh *shard) newRoute(r *flow.Run) *route {
	var tracks []*track
	for _, b := range sh.set.active {
		if b.rule.matches != nil && b.rule.matches(r.Meta) {
			if t := sh.track(b, r); t != nil {
				tracks = append(tracks, t)
			}
		}
	}
	if len(sh.routes) >= maxRoutes {
		sh.forgetRoutes()
	}
	sh.routes[r.ID] = &route{id: r.ID, tracks: tracks}
	return sh.routes[r.ID]
}

// track returns the track of a series on the policy's desk, nil when the
// policy cannot name the series' target or the shard has no room.
func (sh *shard) track(b *bound, r *flow.Run) *track {
	d := sh.desks[b.rule]
	if t := d.tracks[r.ID]; t != nil {
		return t
	}
	target, err := b.row.RenderTarget(r.Meta)
	if err != nil {
		sh.stray(b.rule, "it names no target for "+r.Meta.String()+": "+vigil.AsError(err).Msg)
	}
	if err == nil && sh.tracks >= maxTracks {
		err = vigil.Errorf(vigil.Busy, "track_limit", "a shard judges at most %d series", maxTracks)
	}
	if err != nil {
		if n := sh.e.unbound.Add(1); bits.OnesCount64(n) == 1 { // ever more rarely
			sh.e.opts.Log.Warn("a policy selects a series that it cannot judge", "policy", b.row.Name, "err", err)
		}
		return nil
	}
	t := &track{id: r.ID, series: r.Meta, desk: d, book: sh.e.bookFor(target), target: target}
	if t.subject = t.book.subject(b.rule, target, r.Meta); t.subject == nil {
		return nil
	}
	d.tracks[r.ID] = t
	sh.tracks++
	return t
}
