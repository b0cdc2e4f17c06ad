package remediator

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// desk is a collector in memory: it hands out what is put on it and keeps what
// comes back.
type desk struct {
	leases     chan *flow.Lease
	registered chan vigil.Remediator
	started    chan flow.Lease
	reports    chan flow.Report

	mu          sync.Mutex
	registerErr error        // guarded by mu
	startErr    error        // guarded by mu
	finishErr   error        // guarded by mu; what Finish answers instead of taking the report
	beats       int          // guarded by mu
	renewal     flow.Renewal // guarded by mu; what a heartbeat is answered
	beatErr     error        // guarded by mu
	polls       int          // guarded by mu
	onStart     func()       // guarded by mu
}

func newDesk() *desk {
	return &desk{
		leases: make(chan *flow.Lease, 16), registered: make(chan vigil.Remediator, 16),
		started: make(chan flow.Lease, 16), reports: make(chan flow.Report, 16),
	}
}

func (d *desk) set(change func(d *desk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *desk) Register(_ context.Context, r vigil.Remediator) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.registerErr != nil {
		return d.registerErr
	}
	select {
	case d.registered <- r:
	default:
	}
	return nil
}

func (d *desk) Lease(ctx context.Context, _ string, wait time.Duration) (*flow.Lease, error) {
	d.set(func(d *desk) { d.polls++ })
	select {
	case l := <-d.leases:
		if l == nil {
			return nil, errors.New("connection refused")
		}
		return l, nil
	case <-time.After(wait):
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *desk) Start(_ context.Context, l flow.Lease) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.startErr != nil {
		return d.startErr
	}
	if d.onStart != nil {
		d.onStart()
	}
	d.started <- l
	return nil
}

func (d *desk) Heartbeat(context.Context, flow.Lease) (flow.Renewal, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.beats++
	return d.renewal, d.beatErr
}

func (d *desk) Finish(_ context.Context, r flow.Report) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.finishErr != nil {
		return d.finishErr
	}
	d.reports <- r
	return nil
}

// hands runs "modules" that are Go functions.
type hands struct {
	prepare func(ctx context.Context) error
	run     func(ctx context.Context, calls Caller) (vigil.ActionOutput, error)
}

func (h *hands) Prepare(ctx context.Context, _ string) error {
	if h.prepare == nil {
		return nil
	}
	return h.prepare(ctx)
}

func (h *hands) Run(ctx context.Context, _ flow.Lease, _ vigil.ActionInput, calls Caller) (vigil.ActionOutput, []string, error) {
	out, err := h.run(ctx, calls)
	return out, []string{"hello"}, err
}

// restart is the action of most tests: one host call.
func restart(ctx context.Context, calls Caller) (vigil.ActionOutput, error) {
	var r vigil.CallReply
	if err := json.Unmarshal(calls.Call(ctx, "service.restart", []byte(`{"service":"web"}`)), &r); err != nil {
		return vigil.ActionOutput{}, err
	}
	return vigil.ActionOutput{OK: r.OK, Code: r.Code, Message: r.Message}, nil
}

// world is the host: its services, and a broker that asks the lease and counts
// effects.
type world struct {
	mu      sync.Mutex
	effects int // guarded by mu
}

func (w *world) List() []vigil.ServiceStatus {
	return []vigil.ServiceStatus{{Service: "web", Up: true}}
}

func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.effects
}

type session struct {
	w     *world
	holds func() error
	may   func() []vigil.Grant
	calls []vigil.HostCall
}

func (s *session) Calls() []vigil.HostCall { return s.calls }

func (s *session) Call(_ context.Context, op string, _ []byte) []byte {
	line, reply := vigil.HostCall{Op: op}, vigil.CallReply{OK: true}
	if len(s.may()) == 0 {
		line.Code = "capability_denied"
		reply = vigil.CallReply{Code: line.Code}
	} else if err := s.holds(); err != nil {
		line.Code = vigil.CodeOf(err)
		reply = vigil.CallReply{Code: line.Code}
	} else {
		s.w.mu.Lock()
		s.w.effects++
		s.w.mu.Unlock()
		line.Reply, _ = json.Marshal(vigil.ServiceStatus{Service: "web", Up: true, PID: 8, PIDBefore: 7})
	}
	s.calls = append(s.calls, line)
	b, _ := json.Marshal(reply)
	return b
}

// bench is a running remediator with all it needs.
type bench struct {
	*desk
	*world
	dir   string
	hands *hands
	r     *Remediator
	quit  func() // stops Run and waits for it

	mu    sync.Mutex
	spans []flow.Span // guarded by mu
}

// lag makes every answer of the collector seem to take d: each look at the clock
// finds it that much later.
func (b *bench) lag(d time.Duration) {
	var looks atomic.Int64
	b.r.o.Now = func() time.Time { return time.Now().Add(time.Duration(looks.Add(1)) * d) }
}

func (b *bench) emit(s ...flow.Span) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spans = append(b.spans, s...)
}

// newBench makes a remediator over dir that is not running yet.
func newBench(t *testing.T, dir string) *bench {
	t.Helper()
	b := &bench{desk: newDesk(), world: &world{}, dir: dir, hands: &hands{run: restart}}
	r, err := New(Options{
		ID: "rem-a", Host: "h1", DataDir: dir, Collector: b.desk, Actions: b.hands, Services: b.world,
		Broker: func(_ flow.Lease, _ flow.SpanContext, holds func() error, granted func() []vigil.Grant) Session {
			return &session{w: b.world, holds: holds, may: granted}
		},
		Emit: b.emit, Now: time.Now, Log: slog.New(slog.DiscardHandler), Wait: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.r = r
	return b
}

func (b *bench) start(t *testing.T) *bench {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.r.Run(ctx) }()
	b.quit = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run = %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Run did not end")
		}
	})
	t.Cleanup(b.quit)
	return b
}

func leaseOf(id string, fence uint64) *flow.Lease {
	return &flow.Lease{
		Remediation: id, Tenant: "default", Attempt: 1, Fence: fence, Action: "restart-service", Digest: "sha256:ab",
		Grants:  []vigil.Grant{{ID: "g-1", Capability: "service.restart", Target: "service:web"}},
		Target:  vigil.Target{Kind: "service", Name: "web", Host: "h1"},
		Timeout: vigil.Duration(10 * time.Second), Heartbeat: vigil.Duration(40 * time.Millisecond),
		Until: time.Now().Add(time.Minute), Trace: flow.NewTrace().String(),
	}
}

// next receives within ten seconds.
func next[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("no %s came", what)
		panic("unreachable")
	}
}
