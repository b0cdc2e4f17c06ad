package httpd_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/snappy"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func snapped(body string) string { return string(snappy.Encode(nil, []byte(body))) }

// refused is a receipt with something in it that was left out.
var refused = flow.Receipt{Accepted: 2, Refused: 1, Rejected: []flow.Rejection{{Index: 1, Field: "ts", Code: "sample_too_old"}}}

var busy = vigil.Errorf(vigil.Busy, "ingest_overload", "many batches wait for the disk").Hinted("send again after a pause")

func TestRemoteWrite_AnswersAsSendersExpect(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, nil)
	send := func() reply {
		return b.do("POST", "/api/v1/write", snapped("message"), "Content-Encoding", "snappy", "Content-Type", "application/x-protobuf")
	}
	w.receipt = flow.Receipt{Accepted: 2}
	if got := send(); got.status != 204 || got.body != "" || string(w.asked[0].Body) != "message" || w.asked[0].ContentType != "application/x-protobuf" {
		t.Errorf("all accepted = %d %q for %q", got.status, got.body, w.asked[0].Body)
	}
	w.receipt = refused
	got := send()
	got.want(t, 400, "samples_rejected")
	if got.m["accepted"] != 2.0 || got.m["refused"] != 1.0 || !strings.Contains(got.m["detail"].(string), "index 1, for its ts: sample_too_old") {
		t.Errorf("partly accepted = %s", got.body)
	}
	w.fails = busy // a sender drops what is answered with 429
	if got := send(); got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	} else {
		got.want(t, 503, "ingest_overload")
	}
	w.fails = vigil.Errorf(vigil.Busy, "series_limit", "full")
	send().want(t, 429, "series_limit")
	w.fails = vigil.Errorf(vigil.Invalid, "protobuf_invalid", "cut short")
	send().want(t, 400, "protobuf_invalid")
	w.fails = vigil.Errorf(vigil.Unsupported, "content_type_unsupported", "only 1.0")
	send().want(t, 415, "content_type_unsupported")
}

func TestRemoteWrite_TakesOneBlockOfSnappyAndNoMoreThanItClaims(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, small)
	send := func(body string, header ...string) reply { return b.do("POST", "/api/v1/write", body, header...) }
	big := strings.Repeat("z", 64<<10)
	if got := send(snapped(big), "Content-Encoding", "snappy"); got.status != 204 || string(w.asked[0].Body) != big {
		t.Errorf("at the limit = %d %s", got.status, got.body)
	}
	if got := send(snapped(big)); got.status != 204 {
		t.Errorf("without a Content-Encoding = %d %s", got.status, got.body)
	}
	send(snapped(big+"!"), "Content-Encoding", "snappy").want(t, 413, "body_too_large")
	lie := func(n uint64) string { return string(binary.AppendUvarint(nil, n)) + "\x00x" }
	send(lie(256<<20), "Content-Encoding", "snappy").want(t, 413, "body_too_large")
	send(lie(1<<32-1), "Content-Encoding", "snappy").want(t, 413, "body_too_large")
	send(lie(1<<40), "Content-Encoding", "snappy").want(t, 400, "body_malformed") // no block is so large
	send(lie(5), "Content-Encoding", "snappy").want(t, 400, "body_malformed")
	send("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "Content-Encoding", "snappy").want(t, 400, "body_malformed")
	send(snapped(big)[:100], "Content-Encoding", "snappy").want(t, 400, "body_malformed")
	send(snapped("x"), "Content-Encoding", "gzip").want(t, 415, "encoding_unsupported")
	send(snapped("x"), "Content-Encoding", "snappy, snappy").want(t, 415, "encoding_unsupported")
	send(snapped("x"), "Content-Encoding", "zstd").want(t, 415, "encoding_unsupported")
	b.do("POST", "/ingest", snapped("x"), "Content-Encoding", "snappy").want(t, 415, "encoding_unsupported")
}

func TestOTLP_AnswersInTheEncodingOfTheRequest(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, nil)
	const pb, js = "application/x-protobuf", "application/json"
	send := func(media string) reply { return b.do("POST", "/v1/metrics", "x", "Content-Type", media) }
	if got := send(pb); got.status != 200 || got.body != "" || got.header.Get("Content-Type") != pb {
		t.Errorf("protobuf = %d %q %v", got.status, got.body, got.header)
	}
	if got := send(js); got.status != 200 || got.body != "{}" || got.header.Get("Content-Type") != js {
		t.Errorf("json = %d %q %v", got.status, got.body, got.header)
	}
	zipped := gzipped(t, []byte("plain"))
	if got := b.do("POST", "/v1/metrics", string(zipped), "Content-Type", pb, "Content-Encoding", "gzip"); got.status != 200 || string(w.asked[2].Body) != "plain" {
		t.Errorf("gzip = %d %s", got.status, got.body)
	}
	w.receipt = refused
	var answer collector.ExportMetricsServiceResponse
	if got := send(pb); got.status != 200 || proto.Unmarshal([]byte(got.body), &answer) != nil ||
		answer.GetPartialSuccess().GetRejectedDataPoints() != 1 || !strings.Contains(answer.GetPartialSuccess().GetErrorMessage(), "sample_too_old") {
		t.Errorf("partial success = %d %q", got.status, got.body)
	}
	part, _ := send(js).m["partialSuccess"].(map[string]any)
	if part["rejectedDataPoints"] != "1" || !strings.Contains(fmt.Sprint(part["errorMessage"]), "sample_too_old") {
		t.Errorf("partial success in JSON = %v", part)
	}
}

func TestOTLP_TellsErrorsAsStatus(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, small)
	f := func(fails error, status int, code byte, text string) {
		t.Helper()
		w.locked(func() { w.fails = fails })
		got := b.do("POST", "/v1/metrics", "x", "Content-Type", "application/json")
		if message, _ := got.m["message"].(string); got.status != status || got.m["code"] != float64(code) || !strings.HasPrefix(message, text) {
			t.Errorf("%v in JSON = %d %s, want %d and code %d", fails, got.status, got.body, status, code)
		}
		got = b.do("POST", "/v1/metrics", "x", "Content-Type", "application/x-protobuf")
		if got.status != status || !strings.HasPrefix(got.body, string([]byte{1 << 3, code, 2<<3 | 2})) || !strings.Contains(got.body, text) {
			t.Errorf("%v in protobuf = %d %q", fails, got.status, got.body)
		}
		if retry := got.header.Get("Retry-After"); (retry != "") != (status == 429 || status == 503) {
			t.Errorf("%v: Retry-After %q", fails, retry)
		}
	}
	f(vigil.Errorf(vigil.Invalid, "protobuf_invalid", "cut"), 400, 3, "protobuf_invalid: cut")
	f(busy, 429, 8, "ingest_overload: ")
	f(vigil.Errorf(vigil.Unavailable, "storage_failed", "disk"), 503, 14, "storage_failed: ")
	f(vigil.Errorf(vigil.Unsupported, "content_type_unsupported", "no"), 415, 3, "content_type_unsupported: ")
	f(vigil.Errorf(vigil.Timeout, "ingest_timeout", "slow"), 504, 4, "ingest_timeout: ")
	f(fmt.Errorf("secret"), 500, 13, "internal: internal error")
	got := b.do("POST", "/v1/metrics", strings.Repeat("x", 20<<10+1), "Content-Type", "application/json")
	if message, _ := got.m["message"].(string); got.status != 413 || !strings.HasPrefix(message, "body_too_large: ") {
		t.Errorf("too large = %d %s", got.status, got.body)
	}
	got = b.do("POST", "/v1/metrics", "x", "Content-Type", "application/x-protobuf", "Content-Encoding", "zstd")
	if got.status != 415 || !strings.Contains(got.body, "encoding_unsupported") {
		t.Errorf("zstd = %d %q", got.status, got.body)
	}
}

func TestInflux_AnswersAsTelegrafExpects(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, nil)
	f := func(path string, unit time.Duration) {
		t.Helper()
		if got := b.do("POST", path, "a value=1", "Authorization", ""); got.status != 204 || got.body != "" || w.unit != unit {
			t.Errorf("%s = %d %q in %v, want 204 in %v", path, got.status, got.body, w.unit, unit)
		}
	}
	f("/write?db=telegraf&rp=", time.Nanosecond)
	f("/write?db=telegraf&precision=n", time.Nanosecond)
	f("/write?precision=u", time.Microsecond)
	f("/write?precision=ms", time.Millisecond)
	f("/write?precision=s", time.Second)
	f("/write?precision=m", time.Minute)
	f("/write?precision=h", time.Hour)
	f("/api/v2/write?org=o&bucket=b&precision=us", time.Microsecond)
	if got := b.do("POST", "/write?precision=day", "a value=1"); got.status != 400 || got.m["code"] != "parameter_invalid" {
		t.Errorf("precision=day = %d %s", got.status, got.body)
	}
	w.receipt = flow.Receipt{Accepted: 1, Skipped: 3, Fields: []string{"system_uptime_format", "a_note"}}
	got := b.do("POST", "/write", "x")
	if got.status != 204 || got.header.Get("Vigil-Skipped") != "3" || got.header.Get("Vigil-Skipped-Fields") != "system_uptime_format, a_note" {
		t.Errorf("with texts = %d %v", got.status, got.header)
	}
	for _, path := range []string{"/write", "/api/v2/write"} {
		w.receipt, w.fails = refused, nil
		got := b.do("POST", path, "x")
		text, _ := got.m["error"].(string)
		if got.status != 400 || !strings.HasPrefix(text, "partial write: 1 of 3 lines") || got.m["message"] != text || got.m["code"] != "samples_rejected" {
			t.Errorf("%s, partly = %d %s", path, got.status, got.body)
		}
		if got.header.Get("Content-Type") != "application/json" || got.header.Get("X-Influxdb-Error") != text {
			t.Errorf("%s, partly: %v", path, got.header)
		}
		w.fails = vigil.Errorf(vigil.Invalid, "line_invalid", "none of 1").With("rejected", refused.Rejected)
		if got := b.do("POST", path, "x"); got.status != 400 || !strings.HasPrefix(got.m["error"].(string), "partial write: ") {
			t.Errorf("%s, nothing = %d %s: Telegraf would send it again", path, got.status, got.body)
		}
		w.fails = busy
		if got := b.do("POST", path, "x"); got.status != 429 || got.m["code"] != "ingest_overload" || got.header.Get("Retry-After") == "" {
			t.Errorf("%s, overload = %d %s", path, got.status, got.body)
		}
	}
}

func TestInflux_IsPingedAndAskedForADatabase(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), nil)
	for _, method := range []string{"GET", "HEAD"} {
		if got := b.do(method, "/ping", ""); got.status != 204 || got.header.Get("X-Influxdb-Version") == "" {
			t.Errorf("%s /ping = %d %v", method, got.status, got.header)
		}
	}
	f := func(got reply) {
		t.Helper()
		if got.status != 200 || got.body != `{"results":[{"statement_id":0}]}` {
			t.Errorf("CREATE DATABASE = %d %s", got.status, got.body)
		}
	}
	form := url.Values{"q": {`CREATE DATABASE "telegraf"`}}.Encode()
	f(b.do("POST", "/query", form, "Content-Type", "application/x-www-form-urlencoded"))
	f(b.do("POST", "/query?"+form, ""))
	f(b.do("GET", "/query?"+form, ""))
	f(b.do("GET", "/query?q=create%20database%20x%20with%20duration%201d", ""))
	for _, q := range []string{"SELECT+*+FROM+cpu", "DROP+DATABASE+x", "CREATE+DATABASE", "CREATE+DATABASE+x%3BDROP+DATABASE+y"} {
		if got := b.do("GET", "/query?q="+q, ""); got.status != 400 || got.m["code"] != "influxql_unsupported" || got.m["error"] == "" {
			t.Errorf("%s = %d %s", q, got.status, got.body)
		}
	}
	if got := b.do("GET", "/query?limit=1", ""); got.status != 200 || !bytes.HasPrefix([]byte(got.body), []byte(`{"metrics":`)) {
		t.Errorf("the newest samples = %d %s", got.status, got.body)
	}
	b.do("GET", "/health", "").want(t, 404, "not_found")
}
