package ship_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/agent/ship"
	"github.com/techmedaddy/vigil/agent/spool"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// now is when the tests' clock stands.
var now = time.Unix(1_700_000_000, 42)

// reply is one answer of the collector.
type reply struct {
	status     int
	body       string
	retryAfter string
}

// collector answers with the replies in order and then with 200, and hands
// each request's body on.
type collector struct {
	*httptest.Server
	bodies chan string

	mu      sync.Mutex // guards all below
	replies []reply
	headers []http.Header
}

func newCollector(t *testing.T, replies ...reply) *collector {
	t.Helper()
	c := &collector{bodies: make(chan string, 100), replies: replies}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := reply{status: 200, body: `{"ok":true,"accepted":1}`}
	if len(c.replies) > 0 {
		answer, c.replies = c.replies[0], c.replies[1:]
	}
	c.headers = append(c.headers, r.Header)
	if answer.retryAfter != "" {
		w.Header().Set("Retry-After", answer.retryAfter)
	}
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, answer.body)
	c.bodies <- r.URL.Path + " " + string(body)
}

// run ships from a spool until the test ends.
func run(t *testing.T, url string, o ship.Options) *spool.Spool {
	t.Helper()
	queue, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o.Collector, o.Now = url, func() time.Time { return now }
	if o.Backoff == 0 {
		o.Backoff = time.Millisecond
	}
	loop, err := ship.New(queue, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- loop.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		_ = queue.Close()
	})
	return queue
}

func put(t *testing.T, q *spool.Spool, bodies ...string) {
	t.Helper()
	for _, b := range bodies {
		if err := q.Put([]byte(b)); err != nil {
			t.Fatal(err)
		}
	}
}

// receive returns the next n requests.
func (c *collector) receive(t *testing.T, n int) (out []string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for range n {
		select {
		case b := <-c.bodies:
			out = append(out, b)
		case <-deadline:
			t.Fatalf("received %q, want %d requests", out, n)
		}
	}
	return out
}

func TestLoop_SendsInOrderWithItsHeaders(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	q := run(t, c.URL+"/", ship.Options{Token: "vgl_t"})
	put(t, q, "1", "2", "3")
	if diff := cmp.Diff([]string{"/ingest 1", "/ingest 2", "/ingest 3"}, c.receive(t, 3)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.headers[0]
	f := func(key, want string) {
		t.Helper()
		if !regexp.MustCompile("^" + want + "$").MatchString(h.Get(key)) {
			t.Errorf("%s: %q, want %s", key, h.Get(key), want)
		}
	}
	f("Content-Type", "application/json")
	f("Traceparent", "00-[0-9a-f]{32}-[0-9a-f]{16}-00")
	f("Vigil-Sent-At", strconv.FormatInt(now.UnixNano(), 10))
	f("Authorization", "Bearer vgl_t")
	if a, b := h.Get("Traceparent"), c.headers[1].Get("Traceparent"); a == b {
		t.Errorf("two requests share the trace %s", a)
	}
}

func TestLoop_AsksForTracesWhenTold(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	put(t, run(t, c.URL, ship.Options{Sampled: true}), "1")
	c.receive(t, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.headers[0]; h.Get("Traceparent")[52:] != "-01" || h.Get("Authorization") != "" {
		t.Errorf("headers = %v", h)
	}
}

func TestLoop_RetriesTheSameBatchUntilItIsAdmitted(t *testing.T) {
	t.Parallel()
	c := newCollector(t,
		reply{status: 503}, reply{status: 500, body: "<html>"}, reply{status: 401},
		reply{status: 429, retryAfter: "0"}, reply{status: 307}, reply{status: 404})
	q := run(t, c.URL, ship.Options{})
	put(t, q, "1", "2")
	want := []string{"/ingest 1", "/ingest 1", "/ingest 1", "/ingest 1", "/ingest 1", "/ingest 1", "/ingest 1", "/ingest 2"}
	if diff := cmp.Diff(want, c.receive(t, len(want))); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestLoop_GivesUpWhatCanNeverBeAdmitted(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 413, 415, 422} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			c := newCollector(t, reply{status: status, body: `{"code":"json_invalid","detail":"no"}`})
			put(t, run(t, c.URL, ship.Options{}), "bad", "good")
			if diff := cmp.Diff([]string{"/ingest bad", "/ingest good"}, c.receive(t, 2)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoop_WaitsAsLongAsItIsAsked(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]string{
		"seconds": "1", "date": now.Add(2 * time.Second).UTC().Format(http.TimeFormat),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCollector(t, reply{status: 429, retryAfter: after})
			put(t, run(t, c.URL, ship.Options{}), "1")
			c.receive(t, 1)
			begin := time.Now()
			c.receive(t, 1)
			if took := time.Since(begin); took < 900*time.Millisecond {
				t.Errorf("tried again after %s, want at least a second", took)
			}
		})
	}
}

func TestLoop_GetsThroughAnOutage(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	gate := make(chan struct{})
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-gate:
			c.ServeHTTP(w, r)
		default:
			panic(http.ErrAbortHandler) // the connection breaks
		}
	}))
	t.Cleanup(door.Close)
	q := run(t, door.URL, ship.Options{})
	var want []string
	for i := range 30 {
		put(t, q, fmt.Sprint(i))
		want = append(want, fmt.Sprintf("/ingest %d", i))
	}
	close(gate)
	got := c.receive(t, len(want)) // a batch spilled on its way comes twice
	seen := map[string]bool{}
	var once []string
	for len(once) < len(want) {
		for _, b := range got {
			if !seen[b] {
				seen[b] = true
				once = append(once, b)
			}
		}
		if len(once) < len(want) {
			got = c.receive(t, 1)
		}
	}
	if diff := cmp.Diff(want, once); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestNew_RefusesWhatIsNoCollector(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "127.0.0.1:8000", "ftp://h", "http://", "http://user:pw@h", "http://h\x00"} {
		if _, err := ship.New(nil, ship.Options{Collector: url}); vigil.CodeOf(err) != "collector_invalid" {
			t.Errorf("New(%q) = %v, want collector_invalid", url, err)
		}
	}
}
