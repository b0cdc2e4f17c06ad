package notify_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/notify"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// hooked is a world with one webhook, and the other side of it.
func hooked(t *testing.T, change func(*notify.Config), routes ...notify.Route) (*world, *inbox) {
	t.Helper()
	in := newInbox(t)
	c := notify.Config{Type: "webhook", URL: in.URL, SecretFile: file(t, "s3cret-key"), AllowPrivate: true}
	if change != nil {
		change(&c)
	}
	return newWorld(t, map[string]notify.Config{"ops": c}, routes...), in
}

func TestStep_TriesAgainUntilItIsTaken(t *testing.T) {
	t.Parallel()
	w, in := hooked(t, nil)
	in.letters(http.StatusInternalServerError)
	w.happens(w.failed("rem-1", "web"))
	w.deliver("ops")
	w.restart()
	w.deliver("ops") // it waits for its backoff
	if n := len(in.letters(http.StatusAccepted)); n != 1 {
		t.Fatalf("%d letters before the backoff is over, want 1", n)
	}
	w.now = w.now.Add(2 * time.Second)
	w.deliver("ops")
	w.deliver("ops")
	got := in.letters(http.StatusOK)
	if len(got) != 2 || got[0].header.Get("webhook-id") == "" || got[0].header.Get("webhook-id") != got[1].header.Get("webhook-id") {
		t.Fatalf("letters %v, want two with one id", got)
	}
	if log := w.log(); log[0].State != vigil.NotifySent || log[0].Tries != 2 {
		t.Errorf("log = %+v, want it sent at the second try", log)
	}
}

func TestStep_TellsTheEndToWhoeverHeardTheBeginning(t *testing.T) {
	t.Parallel()
	w, in := hooked(t, nil)
	w.ends(vigil.Episode{ID: "ep-other", Policy: "cpu-high"}) // of which nobody was told
	w.happens(w.failed("rem-1", "web"))
	for range 2 { // the second finds nothing open
		w.ends(vigil.Episode{ID: "ep-web", Policy: "cpu-high"})
	}
	w.deliver("ops")
	if n, log := len(in.letters(http.StatusOK)), w.log(); n != 2 || len(log) != 2 || log[1].Verb != vigil.Resolve || log[1].Key != "cpu-high|service:web" {
		t.Errorf("%d letters, log %+v", n, log)
	}
}

func TestStep_LetsNoMessageOfATroubleOvertakeAnother(t *testing.T) {
	t.Parallel()
	w, in := hooked(t, nil)
	in.letters(http.StatusServiceUnavailable)
	w.happens(w.failed("rem-1", "web"))
	w.deliver("ops")
	w.ends(vigil.Episode{ID: "ep-web", Policy: "cpu-high"})
	w.happens(w.failed("rem-2", "api"))
	in.letters(http.StatusOK)
	w.deliver("ops")
	if log := w.log(); log[0].State != vigil.NotifyPending || log[1].State != vigil.NotifyPending || log[2].State != vigil.NotifySent {
		t.Errorf("log = %+v, want web's end to wait for its beginning, and api's beginning not to", log)
	}
}

func TestStep_GivesUpWhatIsRefusedForGood(t *testing.T) {
	t.Parallel()
	f := func(status int, header http.Header, want vigil.NotifyState, wait time.Duration) {
		t.Helper()
		w, in := hooked(t, nil)
		in.status, in.header = status, header
		w.happens(w.failed("rem-1", "web"))
		w.deliver("ops")
		n := w.log()[0]
		if n.State != want || want == vigil.NotifyPending && n.DueAt.Sub(w.now) != wait {
			t.Errorf("after %d: %s, due in %s, want %s and %s", status, n.State, n.DueAt.Sub(w.now), want, wait)
		}
		if len(in.letters(status)) != 1 {
			t.Errorf("after %d: asked %d times", status, len(in.got))
		}
	}
	f(http.StatusBadRequest, nil, vigil.NotifyRefused, 0)
	f(http.StatusGone, nil, vigil.NotifyRefused, 0)
	f(http.StatusUnauthorized, nil, vigil.NotifyPending, time.Second) // a person may put the key right
	f(http.StatusTooManyRequests, http.Header{"Retry-After": {"90"}}, vigil.NotifyPending, 90*time.Second)
	f(http.StatusTooManyRequests, http.Header{"Retry-After": {"999999999999"}}, vigil.NotifyPending, time.Hour)
	f(http.StatusFound, http.Header{"Location": {"http://127.0.0.1:1/"}}, vigil.NotifyPending, time.Second) // no redirect is followed
}

func TestStep_GivesUpAfterADayAndRecordsIt(t *testing.T) {
	t.Parallel()
	w, in := hooked(t, nil)
	in.letters(http.StatusServiceUnavailable)
	w.happens(w.failed("rem-1", "web"))
	w.now = w.now.Add(25 * time.Hour)
	w.deliver("ops")
	if n := w.log()[0]; n.State != vigil.NotifyDropped || !strings.Contains(n.Answer, "24h") {
		t.Errorf("log = %+v, want it dropped", n)
	}
	recs, err := w.db.Audit(t.Context(), -1, 10)
	if err != nil || len(recs) == 0 || recs[len(recs)-1].Verb != "notification.dropped" {
		t.Errorf("audit = %+v, %v", recs, err)
	}
}

func TestStep_KeepsToTheRate(t *testing.T) {
	t.Parallel()
	w, in := hooked(t, func(c *notify.Config) { c.Rate = vigil.Rate{N: 2, Per: vigil.Duration(time.Minute)} })
	for i := range 5 {
		w.happens(w.failed(fmt.Sprintf("rem-%d", i), fmt.Sprintf("web-%d", i)))
	}
	for _, want := range []int{2, 4, 5} {
		w.deliver("ops")
		if n := len(in.letters(http.StatusOK)); n != want {
			t.Fatalf("%d letters, want %d", n, want)
		}
		w.now = w.now.Add(time.Minute)
	}
}

// TestOutbox_IsBounded fills one channel while the other side is away: the oldest
// are given up, each on record, and nothing grows.
func TestOutbox_IsBounded(t *testing.T) {
	t.Parallel()
	w, _ := hooked(t, nil)
	for i := range 1010 {
		w.happens(w.failed(fmt.Sprintf("rem-%d", i), fmt.Sprintf("web-%d", i)))
	}
	waiting := 0
	for i, n := range w.log() {
		if n.State == vigil.NotifyPending {
			waiting++
		} else if i >= 10 || n.State != vigil.NotifyDropped {
			t.Fatalf("message %d is %s", i, n.State)
		}
	}
	if waiting != 1000 {
		t.Errorf("%d messages wait, want 1000", waiting)
	}
}

func TestRoutes_SayWhoIsTold(t *testing.T) {
	t.Parallel()
	w, _ := hooked(t, nil, notify.Route{When: []string{"failed"}, Policies: []string{"mem-*"}, To: []string{"ops"}},
		notify.Route{When: []string{"tripped"}, To: []string{"ops"}})
	c := w.failed("rem-1", "web")
	c.Audit = append(c.Audit, vigil.AuditRecord{At: w.now, By: "policy:cpu-high", Verb: "breaker.tripped", Object: "hosts", To: "storm", Message: "75 of 100"})
	w.happens(c)
	if log := w.log(); len(log) != 1 || log[0].When != vigil.WhenTripped {
		t.Errorf("log = %+v, want only the breaker", log)
	}
}

func TestOutbox_GivesUpWhatWaitsForAChannelThatIsGone(t *testing.T) {
	t.Parallel()
	w, in := hooked(t, nil)
	w.happens(w.failed("rem-1", "web"))
	w.opts.Channels = map[string]notify.Config{"other": w.opts.Channels["ops"]}
	w.restart()
	ctx, cancel := contextUntil(t, func() bool { return w.log()[0].State == vigil.NotifyDropped })
	defer cancel()
	if err := w.Notifier.Run(ctx); err != nil || w.log()[0].State != vigil.NotifyDropped || len(in.letters(http.StatusOK)) != 0 {
		t.Errorf("Run: %v, log %+v", err, w.log())
	}
}
