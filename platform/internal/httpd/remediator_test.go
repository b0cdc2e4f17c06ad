package httpd_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/httpd"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func startRemediator(t *testing.T, do func(ctx context.Context, service, action, by, trace string) (httpd.RemediateAnswer, error)) *box {
	t.Helper()
	return serve(t, httpd.NewRemediator(httpd.RemediatorOptions{Remediate: do}), &logs{})
}

func TestRemediate_AnswersTheSeedsContract(t *testing.T) {
	t.Parallel()
	var asked []string
	b := startRemediator(t, func(_ context.Context, service, action, by, trace string) (httpd.RemediateAnswer, error) {
		asked = []string{service, action, by, trace}
		return httpd.RemediateAnswer{Remediation: "rem-1"}, nil
	})
	f := func(action, word string) {
		t.Helper()
		got := b.do("POST", "/remediate", `{"service":"web","action":"`+action+`"}`)
		if got.status != 200 || got.m["status"] != word || got.m["remediation"] != "rem-1" || got.m["took_ms"].(float64) < 1 {
			t.Errorf("%s = %d %s", action, got.status, got.body)
		}
	}
	f("restart", "restarted")
	f("start", "started")
	f("stop", "stopped")
	f("reload", "reloaded")
	f("restart-service", "restarted")
	if asked[0] != "web" || asked[2] != "local" || len(asked[3]) != 55 {
		t.Errorf("asked %q", asked)
	}
	b.do("POST", "/remediate", `{"service":"web"}`).want(t, 422, "remediate_invalid")
	b.do("POST", "/remediate", `{"service":"web","action":"restart","tenant":"x"}`).want(t, 400, "unknown_field")
	b.do("POST", "/remediate", `{"service":"web","action":"restart"}`, "Origin", "http://evil.example").want(t, 403, "cross_origin")
	b.do("POST", "/ingest", `{}`).want(t, 404, "not_found")
	if got := b.do("GET", "/healthz", ""); got.m["role"] != "remediator" {
		t.Errorf("healthz = %s", got.body)
	}
}

func TestRemediate_SaysWhyItIsHeld(t *testing.T) {
	t.Parallel()
	b := startRemediator(t, func(context.Context, string, string, string, string) (httpd.RemediateAnswer, error) {
		return httpd.RemediateAnswer{}, vigil.Errorf(vigil.Held, "held", "cooldown").With("reason", "cooldown")
	})
	b.do("POST", "/remediate", `{"service":"web","action":"restart"}`).want(t, 409, "held")
}

func TestRemediate_EndsWhenTheCallerHangsUp(t *testing.T) {
	t.Parallel()
	begun, ended := make(chan struct{}), make(chan error, 1)
	b := startRemediator(t, func(ctx context.Context, _, _, _, _ string) (httpd.RemediateAnswer, error) {
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
		return httpd.RemediateAnswer{}, ctx.Err()
	})
	conn := b.dial()
	_, _ = io.WriteString(conn, "POST /remediate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 36\r\n\r\n"+`{"service":"web","action":"restart"}`)
	receive(t, begun)
	conn.Close()
	if err := receive(t, ended); !errors.Is(err, context.Canceled) {
		t.Errorf("context ended with %v", err)
	}
}
