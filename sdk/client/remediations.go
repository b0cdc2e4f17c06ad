package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

const remediationsPath = "/api/v1/remediations"

// pollMost is the longest single wait asked of the collector.
const pollMost = 30 * time.Second

// Filter narrows a list of remediations, newest first.
type Filter struct {
	State  vigil.State
	Target string
	Policy string
	Limit  int // 0 leaves it to the collector
}

// Remediations lists remediations.
func (c *Client) Remediations(ctx context.Context, f Filter) ([]vigil.Remediation, error) {
	q := url.Values{}
	for k, v := range map[string]string{"state": string(f.State), "target": f.Target, "policy": f.Policy} {
		if v != "" {
			q.Set(k, v)
		}
	}
	limit(q, f.Limit)
	return list[vigil.Remediation](ctx, c, remediationsPath, q)
}

// Remediation shows a remediation.
func (c *Client) Remediation(ctx context.Context, id string) (vigil.Remediation, error) {
	return one[vigil.Remediation](ctx, c, http.MethodGet, at(remediationsPath, id), nil)
}

// Request asks for a remediation. The collector knows by itself who asks: w.By
// is not sent.
func (c *Client) Request(ctx context.Context, w vigil.Wish) (vigil.Remediation, error) {
	a := ask{method: http.MethodPost, path: remediationsPath, header: http.Header{}, wait: 2 * pollMost}
	if w.Trace != "" {
		a.header.Set("Traceparent", w.Trace)
	}
	if w.Key != "" {
		a.header.Set("Idempotency-Key", w.Key)
	}
	in := struct {
		Target vigil.Target `json:"target"`
		Action string       `json:"action"`
		Reason string       `json:"reason,omitempty"`
	}{w.Target, w.Action, w.Reason}
	var out vigil.Remediation
	_, err := c.call(ctx, a, in, &out)
	return out, err
}

// Await waits until a remediation is as until wants it, or ctx ends; it
// returns what it saw last. A remediation that ended otherwise is an error.
func (c *Client) Await(ctx context.Context, id string, until func(vigil.Remediation) bool) (vigil.Remediation, error) {
	last, err := c.Remediation(ctx, id)
	for err == nil && !until(last) {
		if last.State.Final() {
			return last, vigil.Errorf(vigil.Conflict, "remediation_ended", "remediation %s ended %s", id, last.State).
				Hinted("vigil remediation show %s", id)
		}
		var now vigil.Remediation
		a := ask{method: http.MethodGet, path: at(remediationsPath, id), query: changeFrom(last.State), wait: pollMost}
		if _, err = c.call(ctx, a, nil, &now); err == nil {
			last = now
		}
	}
	return last, err
}

// changeFrom waits for the next change that is worth a look.
func changeFrom(s vigil.State) url.Values {
	next := "running"
	switch s {
	case vigil.Running:
		next = "action"
	case vigil.Verifying:
		next = "end"
	default: // it has yet to run
	}
	return url.Values{"wait": {next}, "timeout": {pollMost.String()}}
}

// Acted reports whether a remediation's action has ended, well or not.
func Acted(r vigil.Remediation) bool { return r.State == vigil.Verifying || r.State.Final() }

// Ended reports whether all is over, verification included.
func Ended(r vigil.Remediation) bool { return r.State.Final() }

// Cancel cancels a remediation that has not started.
func (c *Client) Cancel(ctx context.Context, id string) (vigil.Remediation, error) {
	return c.decide(ctx, id, "cancel")
}

// Undo takes back the last deed of a remediation that has ended, and returns the
// remediation that does it.
func (c *Client) Undo(ctx context.Context, id string) (vigil.Remediation, error) {
	return c.decide(ctx, id, "undo")
}

// Approve approves a remediation that waits for a person, if its version is still
// the one that the person saw; 0 approves whichever it has. An approval that comes
// too late, or of what changed, is an error of kind Conflict.
func (c *Client) Approve(ctx context.Context, id string, version int64) (vigil.Remediation, error) {
	in := map[string]int64{"version": version}
	return one[vigil.Remediation](ctx, c, http.MethodPost, at(remediationsPath, id)+":approve", in)
}

// Deny refuses a remediation that waits for a person.
func (c *Client) Deny(ctx context.Context, id string) (vigil.Remediation, error) {
	return c.decide(ctx, id, "deny")
}

func (c *Client) decide(ctx context.Context, id, verb string) (vigil.Remediation, error) {
	return one[vigil.Remediation](ctx, c, http.MethodPost, at(remediationsPath, id)+":"+verb, nil)
}

// Held returns the guard's refusal in an error, if it is one.
func Held(err error) (vigil.Hold, bool) {
	var e *vigil.Error
	if !errors.As(err, &e) || e.Kind != vigil.Held {
		return vigil.Hold{}, false
	}
	reason, _ := e.Fields["reason"].(string)
	at, _ := e.Fields["retry_at"].(string)
	retry, _ := time.Parse(time.RFC3339Nano, at)
	return vigil.Hold{Reason: vigil.BlockReason(reason), Detail: e.Msg, RetryAt: retry}, true
}

func limit(q url.Values, n int) {
	if n > 0 {
		q.Set("limit", strconv.Itoa(n))
	}
}
