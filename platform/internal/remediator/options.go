package remediator

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Collector is the other end: the healer in the same process, or a client of
// its HTTP interface.
type Collector interface {
	// Register says what this remediator can reach; it is repeated.
	Register(ctx context.Context, r vigil.Remediator) error
	// Lease waits for work, at most wait; nil without an error is none.
	Lease(ctx context.Context, remediator string, wait time.Duration) (*flow.Lease, error)
	// Start makes the intent durable; without its consent nothing is run.
	Start(ctx context.Context, l flow.Lease) error
	// Heartbeat keeps the lease, and says whether the action should stop and what
	// it is granted now.
	Heartbeat(ctx context.Context, l flow.Lease) (flow.Renewal, error)
	// Finish reports how the attempt ended.
	Finish(ctx context.Context, r flow.Report) error
}

// Actions runs action modules.
type Actions interface {
	// Prepare fetches and compiles a module before intent is declared.
	Prepare(ctx context.Context, digest string) error
	// Run runs the lease's module once and returns its answer and its log.
	Run(ctx context.Context, l flow.Lease, in vigil.ActionInput, calls Caller) (vigil.ActionOutput, []string, error)
}

// Caller answers the host calls of one run with the JSON of a vigil.CallReply.
type Caller interface {
	Call(ctx context.Context, op string, req []byte) []byte
}

// Session is a Caller that keeps its transcript.
type Session interface {
	Caller
	Calls() []vigil.HostCall
}

// Services lists what this host offers.
type Services interface {
	List() []vigil.ServiceStatus
}

// Options make a Remediator.
type Options struct {
	ID        string
	Host      string
	Labels    vigil.Labels
	DataDir   string // fence tokens, unsent reports
	PauseFile string // while it exists nothing is begun; "": pause in DataDir
	Collector Collector
	Actions   Actions
	Services  Services
	// Broker opens a session for one run: calls are children of trace, holds is
	// asked before each effect, and what is granted at each call and each effect.
	Broker      func(l flow.Lease, trace flow.SpanContext, holds func() error, granted func() []vigil.Grant) Session
	Emit        func(spans ...flow.Span)
	Now         func() time.Time
	Log         *slog.Logger
	Concurrency int           // runs at a time; 0 means 4
	Wait        time.Duration // of one long poll; 0 means 30s
	ReportGrace time.Duration // how long a report is sent again and again; 0 means 5m
}

func (o Options) withDefaults() Options {
	if o.PauseFile == "" {
		o.PauseFile = filepath.Join(o.DataDir, "pause")
	}
	if o.Concurrency == 0 {
		o.Concurrency = 4
	}
	if o.Wait == 0 {
		o.Wait = 30 * time.Second
	}
	if o.ReportGrace == 0 {
		o.ReportGrace = 5 * time.Minute
	}
	return o
}
