package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestStop_WaitsForAnActionUnlessTheProcessCannotGoOn(t *testing.T) {
	t.Parallel()
	f := func(name string, cause, want error, within time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			a := &App{down: teardown{log: slog.New(slog.DiscardHandler)}}
			a.ctx, a.cancel = context.WithCancelCause(t.Context())
			a.down.goes(t.Context(), "action", a.cancel, func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(12 * time.Second) // a service that takes its whole grace to stop
				return nil
			})
			if cause != nil {
				a.cancel(cause)
			}
			begun := time.Now()
			if err := a.Stop(t.Context()); !errors.Is(err, want) || time.Since(begun) > within {
				t.Errorf("%s: Stop = %v after %s, want %v within %s", name, err, time.Since(begun), want, within)
			}
			time.Sleep(parting) // the action ends in the end
		})
	}
	f("asked for", nil, nil, 12*time.Second)
	f("broken", errors.New("disk full"), context.DeadlineExceeded, grace)
}
