package audit_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// log is an audit log in memory.
type log struct {
	rs  []vigil.AuditRecord
	err error // of reading behind the last record
}

// Audit answers as the ledger does.
func (l log) Audit(_ context.Context, after int64, limit int) ([]vigil.AuditRecord, error) {
	var out []vigil.AuditRecord
	if after < 0 {
		return l.rs[max(0, len(l.rs)-limit):], nil
	}
	for _, r := range l.rs {
		if r.Seq > after && len(out) < limit {
			out = append(out, r)
		}
	}
	if len(out) == 0 && l.err != nil {
		return nil, l.err
	}
	return out, nil
}

// ringAt reads a key file that holds the key of so many equal bytes.
func ringAt(t testing.TB, digits ...string) *audit.Ring {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	var text strings.Builder
	for _, d := range digits {
		text.WriteString("key " + strings.Repeat(d, 64) + "\n")
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := audit.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// appended goes on with a log by so many records; without a ring they are as
// they were before there were keys.
func appended(rs []vigil.AuditRecord, n int, ring *audit.Ring) []vigil.AuditRecord {
	for range n {
		var prev []byte
		if len(rs) > 0 {
			prev, _ = hex.DecodeString(rs[len(rs)-1].Chain)
		}
		i := len(rs)
		r := vigil.AuditRecord{
			Seq: int64(i + 1), Tenant: "default", At: time.Unix(1_700_000_000, int64(i)), By: "policy:cpu-high", Verb: "remediation.planned",
			Object: "rem-1", Target: "service:web@h", From: "a", To: "b", Message: "m", Detail: json.RawMessage(`{"n":1}`),
		}
		link := audit.Plain(prev, r)
		if ring != nil {
			r.Alg, link = ring.Chain(prev, r)
		}
		r.Chain = hex.EncodeToString(link)
		rs = append(rs, r)
	}
	return rs
}

func TestCheck_NamesTheFirstBadEntry(t *testing.T) {
	t.Parallel()
	ring := ringAt(t, "1")
	f := func(name string, want int64, what string, harm func(rs []vigil.AuditRecord) []vigil.AuditRecord) {
		t.Helper()
		rs := appended(appended(nil, 2, nil), 5, ring)
		tip := &vigil.AuditTip{Seq: 7, Chain: rs[6].Chain}
		check, err := ring.Check(t.Context(), log{rs: harm(rs)}, tip, 0, 0, nil)
		if want == 0 {
			if err != nil || check.Bad != nil || check.Last != 7 || check.Unkeyed != 2 {
				t.Errorf("%s: %+v, %v", name, check, err)
			}
			return
		}
		if err != nil || check.Bad == nil || check.Bad.Seq != want || check.Bad.What != what || check.Last != want-1 {
			t.Errorf("%s: %+v %+v, %v; want #%d %s", name, check, check.Bad, err, want, what)
		}
	}
	change := func(i int, edit func(r *vigil.AuditRecord)) func([]vigil.AuditRecord) []vigil.AuditRecord {
		return func(rs []vigil.AuditRecord) []vigil.AuditRecord { edit(&rs[i]); return rs }
	}
	f("untouched", 0, "", func(rs []vigil.AuditRecord) []vigil.AuditRecord { return rs })
	for i, seq := range map[int]int64{0: 1, 4: 5} {
		f("at", seq, "changed", change(i, func(r *vigil.AuditRecord) { r.At = r.At.Add(1) }))
		f("by", seq, "changed", change(i, func(r *vigil.AuditRecord) { r.By = "x" }))
		f("verb", seq, "changed", change(i, func(r *vigil.AuditRecord) { r.Verb = "x" }))
		f("object", seq, "changed", change(i, func(r *vigil.AuditRecord) { r.Object = "x" }))
		f("target", seq, "changed", change(i, func(r *vigil.AuditRecord) { r.Target = "" }))
		f("from", seq, "changed", change(i, func(r *vigil.AuditRecord) { r.From = "x" }))
		f("to", seq, "changed", change(i, func(r *vigil.AuditRecord) { r.To = "x" }))
		f("moved between fields", seq, "changed", change(i, func(r *vigil.AuditRecord) { r.From, r.To = "ab", "" }))
		f("message", seq, "changed", change(i, func(r *vigil.AuditRecord) { r.Message = "x" }))
		f("detail", seq, "changed", change(i, func(r *vigil.AuditRecord) { r.Detail = nil }))
		f("link", seq, "changed", change(i, func(r *vigil.AuditRecord) { r.Chain = "zz" }))
	}
	f("tenant", 5, "changed", change(4, func(r *vigil.AuditRecord) { r.Tenant = "other" }))
	f("key taken off", 5, "unkeyed", change(4, func(r *vigil.AuditRecord) { r.Alg = "" }))
	f("another key named", 5, "key_missing", change(4, func(r *vigil.AuditRecord) { r.Alg = "vigil-audit-2-hmac-sha256:0011223344556677" }))
	f("another algorithm", 5, "key_missing", change(4, func(r *vigil.AuditRecord) { r.Alg = "vigil-audit-9" }))
	f("removed", 4, "removed", func(rs []vigil.AuditRecord) []vigil.AuditRecord { return append(rs[:3:3], rs[4:]...) })
	f("swapped", 4, "reordered", func(rs []vigil.AuditRecord) []vigil.AuditRecord {
		rs[3], rs[4] = rs[4], rs[3]
		rs[3].Seq, rs[4].Seq = 4, 5
		return rs
	})
	f("head removed", 1, "removed", func(rs []vigil.AuditRecord) []vigil.AuditRecord { return rs[1:] })
	f("tail cut", 6, "truncated", func(rs []vigil.AuditRecord) []vigil.AuditRecord { return rs[:5] })
	f("all gone", 1, "truncated", func([]vigil.AuditRecord) []vigil.AuditRecord { return nil })
	f("written anew without the key", 7, "changed", func([]vigil.AuditRecord) []vigil.AuditRecord { return appended(nil, 7, nil) })
	f("written anew from the fifth on", 5, "unkeyed", func(rs []vigil.AuditRecord) []vigil.AuditRecord { return appended(rs[:4:4], 3, nil) })
	f("another history under the key", 7, "changed", func(rs []vigil.AuditRecord) []vigil.AuditRecord {
		rs[4].By = "eve"
		for i := 4; i < 7; i++ {
			prev, _ := hex.DecodeString(rs[i-1].Chain)
			_, link := ring.Chain(prev, rs[i])
			rs[i].Chain = hex.EncodeToString(link)
		}
		return rs
	})
}

func TestCheck_GoesOnWhereAnEarlierOneEnded(t *testing.T) {
	t.Parallel()
	ring := ringAt(t, "1")
	rs := appended(appended(nil, 2, nil), 5, ring)
	for part := range int64(9) {
		var last int64
		for more := true; more; {
			check, err := ring.Check(t.Context(), log{rs: rs}, nil, last, part, nil)
			if err != nil || check.Bad != nil {
				t.Fatalf("in parts of %d: %+v, %v", part, check, err)
			}
			last, more = check.Last, check.More
		}
		if last != 7 {
			t.Errorf("in parts of %d it ended at #%d", part, last)
		}
	}
	rs[4].By = "eve"
	if check, err := ring.Check(t.Context(), log{rs: rs}, nil, 4, 1, nil); err != nil || check.Bad == nil || check.Bad.Seq != 5 {
		t.Errorf("a changed record at the end of a part: %+v, %v", check, err)
	}
	if _, err := ring.Check(t.Context(), log{rs: rs}, nil, 99, 0, nil); vigil.CodeOf(err) != "audit_record_not_found" {
		t.Errorf("behind a record that is not there: %v", err)
	}
}

func TestCheck_TellsReadingFromTampering(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk")
	check, err := ringAt(t, "1").Check(t.Context(), log{rs: appended(nil, 2, nil), err: broken}, nil, 0, 0, nil)
	if check.Bad != nil || !errors.Is(err, broken) {
		t.Errorf("Check = %+v, %v, want the reader's error", check, err)
	}
}

func TestCheck_KeepsOldKeysForWhatTheyMade(t *testing.T) {
	t.Parallel()
	old, both, other := ringAt(t, "1"), ringAt(t, "2", "1"), ringAt(t, "2")
	rs := appended(appended(nil, 3, old), 2, both)
	if check, err := both.Check(t.Context(), log{rs: rs}, nil, 0, 0, nil); err != nil || check.Bad != nil || check.Last != 5 {
		t.Errorf("with both keys: %+v, %v", check, err)
	}
	if check, err := other.Check(t.Context(), log{rs: rs}, nil, 0, 0, nil); err != nil || check.Bad == nil || check.Bad.Seq != 1 || check.Bad.What != "key_missing" {
		t.Errorf("without the old one: %+v, %v", check, err)
	}
	if err := other.Rekey(t.Context(), log{rs: rs}, true); err != nil {
		t.Fatal(err)
	}
	if check, err := other.Check(t.Context(), log{rs: rs}, nil, 0, 0, nil); err != nil || check.Bad != nil || check.Lost != 3 || check.Last != 5 {
		t.Errorf("when the old one is said to be lost: %+v, %v", check, err)
	}
}

// A link must stay what it was: stored chains are checked by later versions.
func TestChain_IsTheSameForever(t *testing.T) {
	t.Parallel()
	f := func(ring *audit.Ring, alg, want string) {
		t.Helper()
		if got := appended(nil, 2, ring)[1]; got.Chain != want || got.Alg != alg {
			t.Errorf("second link = %s by %s, want %s by %s", got.Chain, got.Alg, want, alg)
		}
	}
	f(nil, "", "9c5ed7b6123572c81056688dde5f3e09f647947c716cb6911984dab0fe1c9d76")
	f(ringAt(t, "1"), "vigil-audit-2-hmac-sha256:82daf9e4671b86f2", "98b53257c63d1635b9b565fde5e047f352386262a8a399dae18a5bce35f0e237")
}

func TestChain_IgnoresTheZoneOfATime(t *testing.T) {
	t.Parallel()
	r := appended(nil, 1, nil)[0]
	here := hex.EncodeToString(audit.Plain(nil, r))
	r.At = r.At.In(time.FixedZone("east", 3600))
	if there := hex.EncodeToString(audit.Plain(nil, r)); here != there {
		t.Errorf("link in another zone = %s, want %s", there, here)
	}
}
