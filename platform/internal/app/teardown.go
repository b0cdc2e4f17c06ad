package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// teardown undoes a start, newest first. A failed start and a stop use the
// same one.
type teardown struct {
	log   *slog.Logger
	steps []step
}

type step struct {
	name string
	undo func(context.Context) error
}

// add names what must be undone and how.
func (t *teardown) add(name string, undo func(context.Context) error) {
	t.steps = append(t.steps, step{name, undo})
}

// run undoes every step, newest first, and goes on past a step that fails.
func (t *teardown) run(ctx context.Context) error {
	var all error
	for len(t.steps) > 0 {
		last := t.steps[len(t.steps)-1]
		t.steps = t.steps[:len(t.steps)-1]
		t.log.DebugContext(ctx, "stop", "component", last.name)
		if err := last.undo(ctx); err != nil {
			all = errors.Join(all, fmt.Errorf("stop %s: %w", last.name, err))
		}
	}
	return all
}

// goes runs a service until the teardown reaches it, and waits for its end. A
// service that ends by itself with an error brings the whole process down
// through fail.
func (t *teardown) goes(ctx context.Context, name string, fail context.CancelCauseFunc, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil && ctx.Err() == nil {
			fail(fmt.Errorf("%s: %w", name, err))
		}
	}()
	t.add(name, func(stop context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-stop.Done():
			return context.Cause(stop)
		}
	})
}
