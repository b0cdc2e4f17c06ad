package audit_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func chained(n int) []vigil.AuditRecord {
	var prev []byte
	var rs []vigil.AuditRecord
	for i := range n {
		r := vigil.AuditRecord{
			Seq: int64(i + 1), At: time.Unix(1_700_000_000, int64(i)), By: "policy:cpu-high", Verb: "remediation.planned",
			Object: "rem-1", Target: "service:web@h", From: "a", To: "b", Message: "m", Detail: json.RawMessage(`{"n":1}`),
		}
		prev = audit.Chain(prev, r)
		r.Chain = hex.EncodeToString(prev)
		rs = append(rs, r)
	}
	return rs
}

func seq(rs []vigil.AuditRecord, err error) iter.Seq2[vigil.AuditRecord, error] {
	return func(yield func(vigil.AuditRecord, error) bool) {
		for _, r := range rs {
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(vigil.AuditRecord{}, err)
		}
	}
}

func TestVerify_NamesTheFirstBadEntry(t *testing.T) {
	t.Parallel()
	f := func(name string, want int64, harm func(rs []vigil.AuditRecord) []vigil.AuditRecord) {
		t.Helper()
		got, err := audit.Verify(seq(harm(chained(5)), nil))
		if err != nil || got != want {
			t.Errorf("%s: Verify = %d, %v, want %d", name, got, err, want)
		}
	}
	change := func(edit func(r *vigil.AuditRecord)) func([]vigil.AuditRecord) []vigil.AuditRecord {
		return func(rs []vigil.AuditRecord) []vigil.AuditRecord { edit(&rs[2]); return rs }
	}
	f("untouched", 0, func(rs []vigil.AuditRecord) []vigil.AuditRecord { return rs })
	f("at", 3, change(func(r *vigil.AuditRecord) { r.At = r.At.Add(1) }))
	f("by", 3, change(func(r *vigil.AuditRecord) { r.By = "x" }))
	f("verb", 3, change(func(r *vigil.AuditRecord) { r.Verb = "x" }))
	f("object", 3, change(func(r *vigil.AuditRecord) { r.Object = "x" }))
	f("target", 3, change(func(r *vigil.AuditRecord) { r.Target = "" }))
	f("from", 3, change(func(r *vigil.AuditRecord) { r.From = "x" }))
	f("to", 3, change(func(r *vigil.AuditRecord) { r.To = "x" }))
	f("moved between fields", 3, change(func(r *vigil.AuditRecord) { r.From, r.To = "ab", "" }))
	f("message", 3, change(func(r *vigil.AuditRecord) { r.Message = "x" }))
	f("detail", 3, change(func(r *vigil.AuditRecord) { r.Detail = nil }))
	f("link", 3, change(func(r *vigil.AuditRecord) { r.Chain = "zz" }))
	f("seq", 9, change(func(r *vigil.AuditRecord) { r.Seq = 9 }))
	f("removed", 3, func(rs []vigil.AuditRecord) []vigil.AuditRecord { return append(rs[:1:1], rs[2:]...) })
	f("swapped", 3, func(rs []vigil.AuditRecord) []vigil.AuditRecord { rs[1], rs[2] = rs[2], rs[1]; return rs })
	f("head removed", 2, func(rs []vigil.AuditRecord) []vigil.AuditRecord { return rs[1:] })
}

func TestVerify_TellsReadingFromTampering(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk")
	if bad, err := audit.Verify(seq(chained(2), broken)); bad != 0 || !errors.Is(err, broken) {
		t.Errorf("Verify = %d, %v, want 0 and the reader's error", bad, err)
	}
}

// A link must stay what it was: stored chains are checked by later versions.
func TestChain_IsTheSameForever(t *testing.T) {
	t.Parallel()
	const want = "9c5ed7b6123572c81056688dde5f3e09f647947c716cb6911984dab0fe1c9d76"
	if got := chained(2)[1].Chain; got != want {
		t.Errorf("second link = %s, want %s", got, want)
	}
}

func TestChain_IgnoresTheZoneOfATime(t *testing.T) {
	t.Parallel()
	r := chained(1)[0]
	here := hex.EncodeToString(audit.Chain(nil, r))
	r.At = r.At.In(time.FixedZone("east", 3600))
	if there := hex.EncodeToString(audit.Chain(nil, r)); here != there {
		t.Errorf("link in another zone = %s, want %s", there, here)
	}
}
