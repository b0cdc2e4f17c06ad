package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/agent/probe"
	"github.com/techmedaddy/vigil/agent/ship"
	"github.com/techmedaddy/vigil/agent/spool"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Config of an agent. Collector, Host and Spool are needed; other zero values
// mean the defaults named here.
type Config struct {
	Collector string                 // base URL, for example http://127.0.0.1:8000
	Host      string                 // value of the label host
	Spool     string                 // directory for what could not be sent
	Interval  time.Duration          // between measurements: 1 second
	Services  func() []probe.Service // asked at every measurement; nil: none
	Token     string                 // sent as a bearer token; "" for none
	Sampled   bool                   // ask the collector to record every trace
	Log       *slog.Logger
	Now       func() time.Time
}

func (c Config) check() (Config, error) {
	if c.Interval == 0 {
		c.Interval = time.Second
	}
	if c.Interval < 100*time.Millisecond {
		return c, vigil.Errorf(vigil.Invalid, "interval_invalid", "interval %s is shorter than 100ms", c.Interval)
	}
	if c.Host == "" {
		return c, vigil.Errorf(vigil.Invalid, "host_missing", "the host has no name").
			Hinted("Name it with --host.")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Run measures and sends until ctx ends. Measuring and sending are two
// goroutines, so that a slow collector costs no measurement; both are gone
// when Run returns.
func Run(ctx context.Context, c Config) error {
	c, err := c.check()
	if err != nil {
		return err
	}
	queue, err := spool.Open(c.Spool, spool.Options{})
	if err != nil {
		return err
	}
	loop, err := ship.New(queue, ship.Options{
		Collector: c.Collector, Token: c.Token, Sampled: c.Sampled, Now: c.Now, Log: c.Log,
	})
	if err != nil {
		return errors.Join(err, queue.Close())
	}
	var wg sync.WaitGroup
	wg.Go(func() { measure(ctx, c, queue) })
	err = loop.Run(ctx)
	wg.Wait()
	return errors.Join(err, queue.Close())
}

// measure puts one batch into the queue at once and then at every interval.
func measure(ctx context.Context, c Config, queue *spool.Spool) {
	log := c.Log.With("component", "agent")
	p := probe.New(probe.Options{Host: c.Host, Services: c.Services})
	tick := time.NewTicker(c.Interval)
	defer tick.Stop()
	var dropped uint64
	for {
		if err := put(queue, p.Measure(c.Now())); err != nil {
			log.ErrorContext(ctx, "measurement not kept", "err", err)
		}
		if n := queue.Dropped(); n != dropped {
			log.WarnContext(ctx, "spool is full; oldest measurements dropped", "err", fmt.Sprintf("%d in all", n))
			dropped = n
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func put(queue *spool.Spool, samples []vigil.Sample) error {
	if len(samples) == 0 {
		return nil
	}
	body, err := json.Marshal(samples)
	if err != nil {
		return fmt.Errorf("encode %d samples: %w", len(samples), err)
	}
	return queue.Put(body)
}
