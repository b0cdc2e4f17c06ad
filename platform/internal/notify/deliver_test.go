package notify_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/notify"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// TestStep_DeliversUntilItIsTaken signs what it sends, tries again with the same
// id after a 500 and a restart, and tells the end to whoever heard the beginning.
func TestStep_DeliversUntilItIsTaken(t *testing.T) {
	t.Parallel()
	var ids []string
	status := http.StatusInternalServerError
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id, at := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
		mac := hmac.New(sha256.New, []byte("s3cret-key"))
		mac.Write([]byte(id + "." + at + "." + string(body)))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want {
			t.Errorf("signature %q, want %q", r.Header.Get("webhook-signature"), want)
		}
		ids = append(ids, id)
		w.WriteHeader(status)
	}))
	defer server.Close()
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("s3cret-key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	clock := func() time.Time { return now }
	log := slog.New(slog.DiscardHandler)
	open := func() (*sqlite.DB, *notify.Notifier) {
		db, err := sqlite.Open(t.Context(), filepath.Join(dir, "vigil.db"), sqlite.Options{Log: log, Tenant: "default", Chain: audit.Chain, Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		n, err := notify.New(notify.Options{
			Channels: map[string]notify.Config{"ops": {Type: "webhook", URL: server.URL, SecretFile: key, AllowPrivate: true}},
			Routes:   []notify.Route{{When: []string{"needs_person"}, To: []string{"ops"}}}, Outbox: db, Now: clock, Log: log,
		})
		if err != nil {
			t.Fatal(err)
		}
		return db, n
	}
	step := func(n *notify.Notifier, want int) {
		t.Helper()
		if _, err := n.Step(t.Context(), "ops"); err != nil || len(ids) != want {
			t.Fatalf("Step: %v with %d requests, want %d", err, len(ids), want)
		}
	}
	db, n := open()
	r := vigil.Remediation{
		ID: "rem-1", Origin: vigil.FromPolicy, Policy: "p", Target: vigil.Target{Kind: "service", Name: "web"}, Episode: "ep-1",
		State: vigil.Failed, Version: 1, CreatedAt: now,
	}
	c := flow.Change{Remediations: []vigil.Remediation{r}, Audit: []vigil.AuditRecord{
		{At: now, By: "remediator:a", Verb: "remediation.failed", Object: "rem-1", From: "running", To: "failed", Message: "exit 1"},
	}}
	c.Notices = n.Address(notify.Notices(c))
	if err := db.Apply(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	step(n, 1) // answered by 500
	if err := db.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	db, n = open()
	defer db.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // the test is over
	step(n, 1)                                         // it waits for its backoff
	now, status = now.Add(2*time.Second), http.StatusAccepted
	step(n, 2)
	if ids[0] != ids[1] {
		t.Errorf("the second delivery is %s, the first was %s", ids[1], ids[0])
	}
	step(n, 2)
	over := notify.Ended([]vigil.Episode{{ID: "ep-1", Policy: "p", State: vigil.EpisodeResolved, EndedAt: now}})
	for range 2 { // the second finds nothing open
		if err := db.SaveEpisodes(t.Context(), nil, nil, n.Address(over)...); err != nil {
			t.Fatal(err)
		}
	}
	all, err := db.Notifications(t.Context(), flow.NotificationFilter{})
	if err != nil || len(all) != 2 || all[0].Verb != vigil.Resolve || all[0].Key != "p|service:web" || all[1].State != vigil.NotifySent {
		t.Errorf("log = %+v, %v", all, err)
	}
}
