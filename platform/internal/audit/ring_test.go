package audit_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestLoad_RefusesWhatIsNoKeyFile(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("ab", 32)
	f := func(text string, mode os.FileMode, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		_, err := audit.Load(path)
		if vigil.CodeOf(err) != want {
			t.Errorf("Load(%q) = %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), secret[:16]) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
	f("key "+secret+"\n", 0o600, "")
	f("# a note\n\nkey "+secret+"\nlost 0011223344556677\n", 0o400, "")
	f("key "+secret+"\n", 0o640, "audit_key_exposed")
	f("key "+secret[2:]+"\n", 0o600, "audit_key_unreadable")
	f("kex "+secret+"\n", 0o600, "audit_key_unreadable")
	f("lost 0011223344556677\n", 0o600, "audit_key_unreadable")
	f("", 0o600, "audit_key_unreadable")
	f(strings.Repeat("#", 200<<10), 0o600, "audit_key_unreadable")
	if r, err := audit.Load(filepath.Join(t.TempDir(), "none")); err != nil || r.Ready() {
		t.Errorf("a file that is not there: %+v, %v", r, err)
	}
}

func TestRenew_KeepsTheOldFileWhenItFails(t *testing.T) {
	t.Parallel()
	r := ringAt(t, "1")
	id := r.ID()
	dir := filepath.Dir(r.Path())
	if err := os.Rename(dir, dir+"-gone"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // no directory can be made here
		t.Fatal(err)
	}
	if err := r.Renew(); vigil.CodeOf(err) != "audit_key_unwritable" || r.ID() != id {
		t.Errorf("Renew = %v with key %s in force, want the old %s", err, r.ID(), id)
	}
}

func TestAdmit_GoesOnOnlyWithTheKeyAndTheTail(t *testing.T) {
	t.Parallel()
	ring := ringAt(t, "1")
	rs := appended(nil, 4, ring)
	tip := &vigil.AuditTip{Seq: 4, Chain: rs[3].Chain, At: time.Unix(1_700_000_000, 0)}
	f := func(r *audit.Ring, have []vigil.AuditRecord, tip *vigil.AuditTip, want string) {
		t.Helper()
		if _, err := r.Admit(t.Context(), log{rs: have}, tip); vigil.CodeOf(err) != want {
			t.Errorf("Admit = %v, want %q", err, want)
		}
	}
	none := func() *audit.Ring {
		r, err := audit.Load(filepath.Join(t.TempDir(), "deep", "key"))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	f(ring, rs, tip, "")
	f(ring, rs, nil, "")
	f(ring, rs[:3], tip, "audit_truncated")
	f(ring, appended(nil, 5, ringAt(t, "1")), tip, "")
	f(ring, appended(nil, 5, nil), tip, "audit_rewritten")
	f(none(), rs, tip, "audit_key_missing")
	f(ringAt(t, "2"), rs, tip, "audit_key_wrong")
	f(none(), appended(nil, 2, nil), nil, "") // an upgrade
	f(none(), nil, nil, "")                   // a first start
}

func TestAdmit_MakesAKeyForItsOwnerOnlyAndOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deep", "key")
	var ids []string
	for range 2 {
		r, err := audit.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Admit(t.Context(), log{}, nil); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID())
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || ids[0] != ids[1] || ids[0] == "" {
		t.Errorf("keys %v in a file %v, %v", ids, info, err)
	}
}

func TestAdmit_NotesThatALogBeganAnew(t *testing.T) {
	t.Parallel()
	note, err := ringAt(t, "1").Admit(t.Context(), log{}, &vigil.AuditTip{Seq: 14, Chain: "ab"})
	if err != nil || note == nil || note.Verb != "audit.begun" || !strings.Contains(note.Message, "#14") || !strings.Contains(string(note.Detail), `"chain":"ab"`) {
		t.Errorf("Admit = %+v, %v", note, err)
	}
}

func TestTip_IsOnDiskASecondLaterAndWhenSaved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := audit.TipFile(filepath.Join(t.TempDir(), "key"), "default")
		tip := audit.NewTip(path, "vigil.db", time.Now, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- tip.Run(ctx) }()
		f := func(want int64) {
			t.Helper()
			got, err := audit.ReadTip(path)
			if err != nil || got == nil && want != 0 || got != nil && got.Seq != want {
				t.Errorf("tip = %+v, %v, want #%d", got, err, want)
			}
		}
		f(0)
		tip.Note(1, []byte{1})
		tip.Note(2, []byte{2})
		time.Sleep(1100 * time.Millisecond)
		f(2)
		tip.Note(3, []byte{3})
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		f(2)
		if err := tip.Save(); err != nil {
			t.Error(err)
		}
		f(3)
	})
}

func TestTip_IsWrittenLaterWhenItCannotBeNow(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	tip := audit.NewTip(filepath.Join(dir, "tip"), "vigil.db", time.Now, slog.New(slog.DiscardHandler))
	tip.Note(1, []byte{1})
	if err := tip.Save(); vigil.CodeOf(err) != "audit_tip_unwritable" {
		t.Errorf("Save = %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := tip.Save(); err != nil {
		t.Error(err)
	}
	if got, err := audit.ReadTip(filepath.Join(dir, "tip")); err != nil || got == nil || got.Seq != 1 {
		t.Errorf("tip = %+v, %v", got, err)
	}
}
