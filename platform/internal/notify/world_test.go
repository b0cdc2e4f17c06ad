package notify_test

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/notify"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// world is a notifier on a real outbox, whose clock and turns the test keeps.
type world struct {
	*testing.T
	*notify.Notifier
	db   *sqlite.DB
	dir  string
	now  time.Time
	opts notify.Options
}

// newWorld opens channels; without routes each is told what needs a person.
func newWorld(t *testing.T, channels map[string]notify.Config, routes ...notify.Route) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	w.opts = notify.Options{Channels: channels, Routes: routes, Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler)}
	w.open()
	t.Cleanup(func() { w.db.Close(context.WithoutCancel(t.Context())) })
	return w
}

func (w *world) open() {
	w.Helper()
	var err error
	w.db, err = sqlite.Open(w.Context(), filepath.Join(w.dir, "vigil.db"), sqlite.Options{Log: w.opts.Log, Tenant: "default", Now: w.opts.Now})
	if err != nil {
		w.Fatal(err)
	}
	w.opts.Outbox = w.db
	if w.Notifier, err = notify.New(w.opts); err != nil {
		w.Fatal(err)
	}
}

// restart is what a start after a crash finds: what was committed.
func (w *world) restart() {
	w.Helper()
	if err := w.db.Close(w.Context()); err != nil {
		w.Fatal(err)
	}
	w.open()
}

// happens writes a change as the healer does.
func (w *world) happens(c flow.Change) {
	w.Helper()
	c.Notices = w.Address(notify.Notices(c))
	if err := w.db.Apply(w.Context(), c); err != nil {
		w.Fatal(err)
	}
}

// ends writes the end of an episode as the policies do.
func (w *world) ends(e vigil.Episode) {
	w.Helper()
	e.State, e.EndedAt = vigil.EpisodeResolved, w.now
	if err := w.db.SaveEpisodes(w.Context(), nil, nil, w.Address(notify.Ended([]vigil.Episode{e}))...); err != nil {
		w.Fatal(err)
	}
}

// deliver gives a channel its turns until nothing is due.
func (w *world) deliver(channel string) {
	w.Helper()
	for more := true; more; {
		var err error
		if more, err = w.Step(w.Context(), channel); err != nil {
			w.Fatal(err)
		}
	}
}

// log is what became of messages, oldest first.
func (w *world) log() []vigil.Notification {
	w.Helper()
	all, err := w.db.Notifications(w.Context(), flow.NotificationFilter{Limit: 2000})
	if err != nil {
		w.Fatal(err)
	}
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all
}

// failed is the change of a remediation that did not heal a service.
func (w *world) failed(id, service string) flow.Change {
	r := vigil.Remediation{
		ID: id, Origin: vigil.FromPolicy, Policy: "cpu-high", Target: vigil.Target{Kind: "service", Name: service}, Episode: "ep-" + service,
		Runbook: []vigil.Step{{Action: "service.restart"}}, State: vigil.Failed, Version: 1, CreatedAt: w.now,
	}
	return flow.Change{Remediations: []vigil.Remediation{r}, Audit: []vigil.AuditRecord{
		{At: w.now, By: "remediator:a", Verb: "remediation.failed", Object: id, From: "running", To: "failed", Message: "exit 1"},
	}}
}

// file writes a secret.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// inbox is the other side of a channel.
type inbox struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	header http.Header // of the answer
	got    []letter
}

// letter is one request that an inbox took in.
type letter struct {
	path   string
	header http.Header
	body   []byte
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	in := &inbox{status: http.StatusOK, header: http.Header{}}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		in.mu.Lock()
		defer in.mu.Unlock()
		in.got = append(in.got, letter{r.URL.Path, r.Header, body})
		maps.Copy(w.Header(), in.header)
		w.WriteHeader(in.status)
	}))
	t.Cleanup(in.Close)
	return in
}

// letters are those that have come in; the next answers have this status.
func (in *inbox) letters(next int) []letter {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.status = next
	return in.got
}
