package audit

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Log is an audit log as it is kept: at most limit records after seq, oldest
// first; with a negative after, the newest ones.
type Log interface {
	Audit(ctx context.Context, after int64, limit int) ([]vigil.AuditRecord, error)
}

// page is how many records are read at once.
const page = 2_000

// missing holds the end of a whole log against its tip.
func (c *checker) missing() {
	if c.Bad == nil && c.tip != nil && c.tip.Seq > c.Last {
		c.bad(c.Last+1, "truncated", "the log ends at #%d; #%d is known to have been written", c.Last, c.tip.Seq)
	}
}

// ahead is how far behind a bad entry its record is looked for, to tell a
// reordered log from a changed one.
const ahead = 1_000

// checker walks a log.
type checker struct {
	vigil.AuditCheck
	ring    *Ring
	tip     *vigil.AuditTip
	prev    []byte // link of the last sound record
	keyed   bool   // a record with a key was seen
	made    map[string]hash.Hash
	buf     []byte
	looking int // records looked at behind the bad one
}

func (c *checker) bad(seq int64, what, format string, args ...any) {
	c.Bad = &vigil.AuditFault{Seq: seq, What: what, Says: fmt.Sprintf(format, args...)}
}

// add takes the next record and reports whether it wants another one.
func (c *checker) add(r vigil.AuditRecord) bool {
	if c.Bad != nil {
		return c.search(r)
	}
	c.Records++
	want := c.Last + 1
	id := keyID(r.Alg)
	link, err := hex.DecodeString(r.Chain)
	switch {
	case r.Seq > want:
		c.bad(want, "removed", "#%d is missing: #%d is followed by #%d", want, c.Last, r.Seq)
		return false
	case r.Alg == "" && c.keyed:
		c.bad(r.Seq, "unkeyed", "#%d carries no key, and a record before it does", r.Seq)
		return false
	case r.Alg != "" && c.ring.gone(id):
		c.Lost++
	case r.Alg != "" && !c.ring.knows(id):
		c.bad(r.Seq, "key_missing", "#%d names the key %.16q, which %s does not hold", r.Seq, id, c.ring.path)
		return false
	case err != nil || subtle.ConstantTimeCompare(c.link(r), link) != 1:
		c.bad(r.Seq, "changed", "#%d is not what was written there", r.Seq)
		return true // it may stand further on
	}
	if c.tip != nil && r.Seq == c.tip.Seq && r.Chain != c.tip.Chain {
		c.bad(r.Seq, "changed", "#%d is not the record that is known outside of the database", r.Seq)
		return false
	}
	if c.keyed = r.Alg != ""; !c.keyed {
		c.Unkeyed++
	}
	c.prev, c.Last, c.Chain = link, r.Seq, r.Chain
	return true
}

// search looks for the record that should stand where the bad one does.
func (c *checker) search(r vigil.AuditRecord) bool {
	stands := r.Seq
	r.Seq = c.Bad.Seq
	link, err := hex.DecodeString(r.Chain)
	if err == nil && (r.Alg == "" || c.ring.knows(keyID(r.Alg))) && subtle.ConstantTimeCompare(c.link(r), link) == 1 {
		c.bad(c.Bad.Seq, "reordered", "#%d is not what was written there; that stands at #%d", c.Bad.Seq, stands)
		return false
	}
	c.looking++
	return c.looking < ahead
}

// link is what a record's link must be.
func (c *checker) link(r vigil.AuditRecord) []byte {
	if r.Alg == "" {
		return Plain(c.prev, r)
	}
	h := c.made[r.Alg]
	if h == nil {
		for _, k := range c.ring.keys {
			if k.alg() == r.Alg {
				h = k.hasher()
			}
		}
		if h == nil { // the name of an algorithm that never was
			return nil
		}
		c.made[r.Alg] = h
	}
	h.Reset()
	c.buf = appendKeyed(c.buf[:0], c.prev, r)
	h.Write(c.buf)
	return h.Sum(nil)
}

// Check checks at most limit records behind one that was found sound; 0 for
// either means from the beginning and to the end. Against the tip, nil if none is
// known, it is held that nothing is missing there. progress, if not nil, hears of
// each page.
func (r *Ring) Check(ctx context.Context, log Log, tip *vigil.AuditTip, after, limit int64, progress func(done int64)) (vigil.AuditCheck, error) {
	c := checker{ring: r, tip: tip, made: map[string]hash.Hash{}}
	if after > 0 {
		recs, err := log.Audit(ctx, after-1, 1)
		if err != nil {
			return vigil.AuditCheck{}, err
		}
		if len(recs) == 0 || recs[0].Seq != after {
			return vigil.AuditCheck{}, vigil.Errorf(vigil.NotFound, "audit_record_not_found", "no audit record #%d", after).Hinted("vigil audit ls")
		}
		c.from(recs[0])
	}
	ended, err := c.walk(ctx, log, limit, progress)
	c.More = c.Bad == nil && !ended
	if err == nil && ended {
		c.missing()
	}
	return c.AuditCheck, err
}

// from goes on behind a sound record.
func (c *checker) from(r vigil.AuditRecord) {
	c.prev, _ = hex.DecodeString(r.Chain)
	c.keyed, c.Last, c.Chain = r.Alg != "", r.Seq, r.Chain
}

// walk reads pages until the log ends, the limit is reached or enough is known.
func (c *checker) walk(ctx context.Context, log Log, limit int64, progress func(int64)) (ended bool, err error) {
	c.Tip = c.tip
	for at := c.Last; limit == 0 || c.Records < limit; {
		n := int64(page)
		if limit > 0 {
			n = min(n, limit-c.Records)
		}
		recs, err := log.Audit(ctx, at, int(n))
		if err != nil {
			return false, fmt.Errorf("read the audit log behind #%d: %w", at, err)
		}
		if len(recs) == 0 {
			return true, nil
		}
		for _, r := range recs {
			if at = r.Seq; !c.add(r) {
				return true, nil
			}
		}
		if progress != nil {
			progress(c.Records)
		}
	}
	return false, nil
}
