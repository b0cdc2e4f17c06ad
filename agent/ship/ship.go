package ship

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Queue holds the batches to send, each the body of one request, oldest first.
type Queue interface {
	Peek() ([]byte, bool)   // the oldest, which stays
	Drop(batch []byte)      // removes what Peek returned
	Spill() error           // told when the collector cannot be reached
	Ready() <-chan struct{} // a hint that a batch has come
}

// Options of a Loop. Zero values mean the defaults named here.
type Options struct {
	Collector string        // base URL, for example http://127.0.0.1:8000
	Token     string        // sent as a bearer token; "" for none
	Sampled   bool          // ask the collector to record every trace
	Timeout   time.Duration // of one request: 10 seconds
	Backoff   time.Duration // first pause: 500 milliseconds
	MaxPause  time.Duration // longest pause: 30 seconds; Retry-After may ask for ten times that
	Now       func() time.Time
	Log       *slog.Logger
}

// Loop sends what comes into a queue.
type Loop struct {
	opts   Options
	ingest string // URL
	client *http.Client
	queue  Queue
	log    *slog.Logger
}

// New checks the collector's address.
func New(q Queue, o Options) (*Loop, error) {
	base, err := url.Parse(o.Collector)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, vigil.Errorf(vigil.Invalid, "collector_invalid", "collector %q is not a URL", o.Collector).
			Hinted("Want for example http://127.0.0.1:8000.")
	}
	if base.User != nil {
		return nil, vigil.Errorf(vigil.Invalid, "collector_invalid", "the collector's URL holds a user or password").
			Hinted("Give a token instead; a URL is printed and logged.")
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Backoff == 0 {
		o.Backoff = 500 * time.Millisecond
	}
	if o.MaxPause == 0 {
		o.MaxPause = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Loop{
		opts: o, queue: q, log: o.Log.With("component", "agent"),
		ingest: strings.TrimSuffix(base.String(), "/") + "/ingest",
		client: &http.Client{
			Timeout:       o.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Run sends until ctx ends. It logs when the collector is lost and when it is
// back, not every try.
func (l *Loop) Run(ctx context.Context) error {
	defer l.client.CloseIdleConnections()
	tries := 0
	for ctx.Err() == nil {
		batch, ok := l.queue.Peek()
		if !ok {
			l.wait(ctx, l.queue.Ready(), nil)
			continue
		}
		err := l.send(ctx, batch)
		if ctx.Err() != nil {
			break
		}
		if err == nil || final(err) {
			l.settle(batch, err, tries)
			tries = 0
			continue
		}
		if tries == 0 {
			l.log.WarnContext(ctx, "collector not reached; keeping samples", "addr", l.opts.Collector, "err", err)
		}
		if err := l.queue.Spill(); err != nil {
			l.log.ErrorContext(ctx, "samples not spooled", "err", err)
		}
		l.pause(ctx, err, tries)
		tries++
	}
	return nil
}

// settle removes a batch the collector answered for.
func (l *Loop) settle(batch []byte, err error, tries int) {
	l.queue.Drop(batch)
	if err != nil {
		l.log.Error("collector refused samples; dropped", "addr", l.opts.Collector, "err", err)
	} else if tries > 0 {
		l.log.Info("collector is back", "addr", l.opts.Collector)
	}
}

// final reports whether the same batch would be refused again for ever. What
// depends on credentials or on the collector's state may change.
func final(err error) bool {
	var a *answer
	if !errors.As(err, &a) {
		return false
	}
	switch a.status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// pause waits as the collector asked, or a random part of a doubling pause.
func (l *Loop) pause(ctx context.Context, err error, tries int) {
	most := l.opts.MaxPause
	if tries < 16 {
		most = min(most, l.opts.Backoff<<tries)
	}
	d := rand.N(most) + 1
	var a *answer
	if errors.As(err, &a) && a.retryAfter > 0 {
		d = min(a.retryAfter, 10*l.opts.MaxPause) + rand.N(l.opts.Backoff)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	l.wait(ctx, nil, timer.C)
}

// wait returns when any of the three says so; a nil channel never does.
func (l *Loop) wait(ctx context.Context, ready <-chan struct{}, timer <-chan time.Time) {
	select {
	case <-ready:
	case <-timer:
	case <-ctx.Done():
	}
}
