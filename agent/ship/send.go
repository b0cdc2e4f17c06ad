package ship

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxAnswer bounds what is read of the collector's answer.
const maxAnswer = 64 << 10

// answer is a refusal by the collector.
type answer struct {
	status     int
	code       string // of the problem, "" if it told none
	detail     string
	retryAfter time.Duration // 0 if it named none
}

// Error tells the refusal in the collector's words.
func (a *answer) Error() string {
	return fmt.Sprintf("collector answered %d %s: %s", a.status, a.code, a.detail)
}

// send posts one batch. The error is an *answer when the collector answered.
func (l *Loop) send(ctx context.Context, batch []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.ingest, bytes.NewReader(batch))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "vigil-agent")
	req.Header.Set("Traceparent", traceparent(l.opts.Sampled))
	req.Header.Set("Vigil-Sent-At", strconv.FormatInt(l.opts.Now().UnixNano(), 10))
	if l.opts.Token != "" {
		req.Header.Set("Authorization", "Bearer "+l.opts.Token)
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return fmt.Errorf("post %d bytes: %w", len(batch), err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode == http.StatusOK {
		l.tellRejected(body)
		return nil // the samples are durable, whatever became of the rest of the answer
	}
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return l.refusal(resp, body)
}

// tellRejected logs the first of the samples that were left out of a batch.
func (l *Loop) tellRejected(body []byte) {
	var ok struct {
		Accepted int
		Rejected []struct{ Field, Code string }
	}
	if json.Unmarshal(body, &ok) == nil && len(ok.Rejected) > 0 {
		l.log.Warn("collector left samples out", "addr", l.opts.Collector,
			"err", fmt.Sprintf("%d of %d; first: %s %s", len(ok.Rejected), ok.Accepted+len(ok.Rejected),
				ok.Rejected[0].Field, ok.Rejected[0].Code))
	}
}

func (l *Loop) refusal(resp *http.Response, body []byte) error {
	var problem struct{ Code, Detail string }
	_ = json.Unmarshal(body, &problem) // another server's page is told by its status
	return &answer{
		status: resp.StatusCode, code: problem.Code, detail: problem.Detail,
		retryAfter: parseRetryAfter(resp.Header.Get("Retry-After"), l.opts.Now()),
	}
}

// parseRetryAfter reads seconds or an HTTP date; anything else is 0.
func parseRetryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// traceparent starts a W3C trace. Unless sampled is asked for, the collector
// records it only when a policy fires.
func traceparent(sampled bool) string {
	var id [24]byte
	_, _ = rand.Read(id[:]) // documented never to fail
	flags := "-00"
	if sampled {
		flags = "-01"
	}
	return "00-" + hex.EncodeToString(id[:16]) + "-" + hex.EncodeToString(id[16:]) + flags
}
