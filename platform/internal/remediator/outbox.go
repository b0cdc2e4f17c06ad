package remediator

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/durable"
	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// outbox is a directory of reports that the collector has not yet taken, one
// file each.
type outbox string

func (o outbox) path(rep flow.Report) string {
	return filepath.Join(string(o), filepath.Base(rep.Remediation)+"-"+strconv.Itoa(rep.Attempt)+".json")
}

func (o outbox) put(rep flow.Report) error {
	b, err := json.Marshal(rep)
	if err != nil {
		return fmt.Errorf("encode report of %s: %w", rep.Remediation, err)
	}
	return durable.Replace(o.path(rep), b)
}

// drop forgets a report. One that comes back after a crash is refused by the
// collector, so the removal need not be durable.
func (o outbox) drop(rep flow.Report) { _ = os.Remove(o.path(rep)) }

// all returns the reports left by an earlier life; what cannot be read stays.
func (o outbox) all() ([]flow.Report, error) {
	entries, err := os.ReadDir(string(o))
	if err != nil {
		return nil, fmt.Errorf("list unsent reports: %w", err)
	}
	var out []flow.Report
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(string(o), e.Name()))
		if err != nil {
			return out, fmt.Errorf("read unsent report: %w", err)
		}
		var rep flow.Report
		if json.Unmarshal(b, &rep) == nil && rep.Remediation != "" {
			out = append(out, rep)
		}
	}
	return out, nil
}

// resend sends what an earlier life could not.
func (r *Remediator) resend(ctx context.Context) {
	left, err := r.outbox.all()
	if err != nil {
		r.o.Log.WarnContext(ctx, "unsent reports not read", "err", err)
	}
	for _, rep := range left {
		r.o.Log.InfoContext(ctx, "report of an earlier life is sent", "remediation", rep.Remediation)
		r.send(ctx, rep, r.o.Now().Add(r.o.ReportGrace))
	}
}

// lastWords is how long a stopping remediator still tries to send a report.
const lastWords = 3 * time.Second

// finish reports how an attempt ended: on disk first, then to the collector
// until it answers or the lease is long over.
func (r *Remediator) finish(ctx context.Context, l flow.Lease, rep flow.Report) {
	if err := r.outbox.put(rep); err != nil {
		r.o.Log.ErrorContext(ctx, "report not kept on disk", "remediation", rep.Remediation, "err", err)
	}
	end := l.Until
	if now := r.o.Now(); end.Before(now) {
		end = now
	}
	if r.send(ctx, rep, end.Add(r.o.ReportGrace)) || ctx.Err() == nil {
		return
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	r.send(last, rep, end.Add(r.o.ReportGrace))
}

// send tries until the collector has answered, one way or the other, and
// reports whether it did. What the collector refuses is not offered again.
func (r *Remediator) send(ctx context.Context, rep flow.Report, end time.Time) bool {
	retry := backoff{}
	for {
		err := r.o.Collector.Finish(ctx, rep)
		if err == nil || final(err) {
			if err != nil {
				r.o.Log.InfoContext(ctx, "report not wanted any more", "remediation", rep.Remediation, "err", err)
			}
			r.outbox.drop(rep)
			return true
		}
		if r.o.Now().After(end) {
			r.o.Log.ErrorContext(ctx, "report given up; it is sent again at the next start", "remediation", rep.Remediation, "err", err)
			return false
		}
		if !retry.wait(ctx) {
			return false
		}
	}
}

// final reports whether an error is the collector's considered answer, which
// another try would not change.
func final(err error) bool {
	switch vigil.KindOf(err) {
	case vigil.Invalid, vigil.NotFound, vigil.Conflict, vigil.Held, vigil.TooLarge, vigil.Unsupported:
		return true
	case vigil.Internal, vigil.Unauthorised, vigil.Busy, vigil.Timeout, vigil.Unavailable:
	}
	return false
}
