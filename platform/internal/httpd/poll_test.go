package httpd_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/httpd"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const leasePoll = "POST /api/v1/leases?wait=30s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n" + `{"remediator":"r1"}`

// patience is how long a test waits for what must happen at once.
const patience = 10 * time.Second

func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("nothing happened")
		panic("unreachable")
	}
}

func TestPoll_OutlivesTheServersTimeouts(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, func(o *httpd.Options) {
		o.Limits.Read, o.Limits.Write, o.Limits.Handle = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	})
	conn := b.dial()
	defer conn.Close()
	r := bufio.NewReader(conn)
	for i := range 2 { // twice on one connection: deadlines are put back in order
		if _, err := io.WriteString(conn, leasePoll); err != nil {
			t.Fatal(err)
		}
		receive(t, w.polling)
		time.AfterFunc(150*time.Millisecond, func() { w.work <- flow.Lease{Remediation: "rem-1", Fence: 7} })
		if got := answers(t, r); got.status != 200 || got.m["fence"] != float64(7) {
			t.Fatalf("poll %d = %d %s", i, got.status, got.body)
		}
	}
}

func TestPoll_EndsWithoutWorkAfterItsWait(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), nil)
	if got := b.do("POST", "/api/v1/leases?wait=10ms", `{"remediator":"r1"}`); got.status != 204 || got.body != "" {
		t.Errorf("answer = %d %q, want 204", got.status, got.body)
	}
	b.do("POST", "/api/v1/leases?wait=soon", `{"remediator":"r1"}`).want(t, 422, "bad_duration")
}

func TestPoll_EndsWhenTheServerStops(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, func(o *httpd.Options) { o.Limits.Drain = patience })
	conn := b.dial()
	defer conn.Close()
	if _, err := io.WriteString(conn, leasePoll); err != nil {
		t.Fatal(err)
	}
	receive(t, w.polling)
	began := time.Now()
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("stop took %v with a long poll open", took)
	}
	if err := receive(t, w.polled); !errors.Is(err, context.Canceled) {
		t.Errorf("poll's context ended with %v", err)
	}
	answers(t, bufio.NewReader(conn)).want(t, 503, "stopping")
}

func TestPoll_EndsWhenThePeerHangsUp(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, nil)
	conn := b.dial()
	if _, err := io.WriteString(conn, leasePoll); err != nil {
		t.Fatal(err)
	}
	receive(t, w.polling)
	conn.Close()
	if err := receive(t, w.polled); !errors.Is(err, context.Canceled) {
		t.Errorf("poll's context ended with %v", err)
	}
}

func TestRemediations_WaitForWhatIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, nil)
	wish := `{"target":"service:web","action":"restart-service"}`
	if got := b.do("POST", "/api/v1/remediations", wish); got.status != 200 || got.m["state"] != "planned" {
		t.Errorf("without wait = %d %s", got.status, got.body)
	}
	if got := b.do("POST", "/api/v1/remediations?wait=running&timeout=10ms", wish); got.status != 202 || got.m["state"] != "planned" {
		t.Errorf("too short a wait = %d %s, want 202", got.status, got.body)
	}
	ended := make(chan reply, 1)
	go func() { ended <- b.do("GET", "/api/v1/remediations/rem-1?wait=end", "") }()
	for _, s := range []vigil.State{vigil.Running, vigil.Verifying, vigil.Healed} {
		w.become(s)
	}
	if got := receive(t, ended); got.status != 200 || got.m["state"] != "healed" {
		t.Errorf("wait=end = %d %s", got.status, got.body)
	}
	b.do("GET", "/api/v1/remediations/rem-1?wait=forever", "").want(t, 422, "parameter_invalid")
}

func TestServe_WaitsForRequestsUnderWayAndCutsWhatHangs(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	hang := func(o *httpd.Options) {
		o.Limits.Drain = 100 * time.Millisecond
		o.Ready = func(ctx context.Context) error {
			close(begun)
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	b := start(t, newWorld(), hang)
	go func() { _, _ = io.WriteString(b.dial(), "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n") }()
	receive(t, begun)
	if err := b.stop(); err != nil {
		t.Errorf("Serve() = %v", err)
	}
	close(release)
	if _, err := net.Dial("tcp", b.addr); err == nil {
		t.Error("the listener still accepts")
	}
}

func TestServe_LeavesNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	w := newWorld()
	b := start(t, w, nil)
	b.do("GET", "/livez", "")
	idle := b.dial()
	defer idle.Close()
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	b.http.CloseIdleConnections()
	// The library keeps one clock for all servers, and a sweeper that ends by
	// itself; both sleep.
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

func TestGate_CapsConnections(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), func(o *httpd.Options) { o.Limits.Conns = 2 })
	first, second := b.dial(), b.dial()
	defer second.Close()
	third := b.dial()
	defer third.Close()
	answers(t, bufio.NewReader(third)).want503(t)
	first.Close()
	deadline := time.Now().Add(patience)
	for { // the place is free again once the server has seen the end of the first
		conn := b.dial()
		_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		got := answers(t, bufio.NewReader(conn))
		conn.Close()
		if got.status == 200 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no connection was let in after one had left")
		}
	}
}

func (r reply) want503(t *testing.T) {
	t.Helper()
	if r.status != 503 || r.m["code"] != "connections_busy" || r.header.Get("Retry-After") == "" {
		t.Errorf("answer = %d %s %v", r.status, r.body, r.header)
	}
}
