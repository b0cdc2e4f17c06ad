package httpd_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/httpd"
)

func gzipped(t *testing.T, plain []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func small(o *httpd.Options) {
	o.Limits.IngestBody, o.Limits.IngestPlain = 20<<10, 64<<10
}

func TestBody_OverTheLimitIsRefusedAndTheConnectionKept(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, small)
	f := func(name, request string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := b.dial()
			defer conn.Close()
			r := bufio.NewReader(conn)
			if _, err := io.WriteString(conn, "POST /ingest HTTP/1.1\r\nHost: localhost\r\n"+request); err != nil {
				t.Fatal(err)
			}
			got := answers(t, r)
			got.want(t, 413, "body_too_large")
			if got.m["limit"] != float64(20<<10) {
				t.Errorf("limit = %v", got.m["limit"])
			}
			if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if got := answers(t, r); got.status != 200 {
				t.Errorf("next request on the connection = %d %s", got.status, got.body)
			}
		})
	}
	big := strings.Repeat("x", 20<<10+1)
	f("length", fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(big), big))
	f("chunked", fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(big), big))
	huge := strings.Repeat("x", 1<<20)
	f("length-much-more", fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(huge), huge))
	f("chunked-much-more", fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(huge), huge))
}

func TestBody_AtTheLimitArrivesWhole(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, small)
	full := strings.Repeat("y", 20<<10)
	if got := b.do("POST", "/ingest", full); got.status != 200 {
		t.Fatalf("answer = %d %s", got.status, got.body)
	}
	if got := string(w.asked[0].Body); got != full {
		t.Errorf("body of %d bytes arrived, want %d", len(got), len(full))
	}
}

func TestBody_InflatesOneLayerWithinItsLimit(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, small)
	plain := strings.Repeat("z", 64<<10)
	once := gzipped(t, []byte(plain))
	if got := b.do("POST", "/ingest", string(once), "Content-Encoding", "GZIP"); got.status != 200 || string(w.asked[0].Body) != plain {
		t.Errorf("gzipped once = %d %s", got.status, got.body)
	}
	f := func(status int, code string, body []byte, encodings ...string) {
		t.Helper()
		var header []string
		for _, e := range encodings {
			header = append(header, "Content-Encoding", e)
		}
		b.do("POST", "/ingest", string(body), header...).want(t, status, code)
	}
	f(413, "body_too_large", gzipped(t, []byte(plain+"!")), "gzip")
	f(413, "body_too_large", gzipped(t, make([]byte, 10<<20)), "gzip") // 10 KB that become 10 MiB
	f(415, "encoding_unsupported", gzipped(t, once), "gzip, gzip")
	f(415, "encoding_unsupported", gzipped(t, once), "gzip", "gzip")
	f(415, "encoding_unsupported", once, "gzip", "identity")
	f(415, "encoding_unsupported", []byte("x"), "br")
	f(415, "encoding_unsupported", []byte("x"), "zstd")
	f(415, "encoding_unsupported", []byte("x"), "deflate")
	f(400, "body_malformed", []byte("not gzip"), "gzip")
	f(400, "body_malformed", once[:len(once)-4], "gzip")
}

func TestBody_BrokenChunksEndTheConnection(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), nil)
	f := func(chunks string) {
		t.Helper()
		got := b.raw("POST /ingest HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks +
			"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if strings.Count(got, "HTTP/1.1 ") != 1 || !strings.Contains(got, "body_malformed") {
			t.Errorf("answers to %q = %s, want one 400", chunks, got)
		}
	}
	f("zz\r\n")
	f("-1\r\n")
	f("2\r\n{}x\r\n")
	f("2;a\nb\r\n{}\r\n0\r\n\r\n")
	f("ffffffffffffffff1\r\n{}\r\n")
}

func TestBody_LargeBodiesShareABudget(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), func(o *httpd.Options) { o.Limits.Held = 1 << 10 })
	got := b.do("POST", "/ingest", strings.Repeat("x", 2<<10))
	got.want(t, 429, "bodies_busy")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	for range 8 { // what was lent is given back
		if got := b.do("POST", "/ingest", strings.Repeat("x", 512)); got.status != 200 {
			t.Fatalf("answer = %d %s", got.status, got.body)
		}
	}
	if got := b.do("PUT", "/api/v1/killswitch", `{"engaged":true,"reason":"`+strings.Repeat("x", 1000)+`"}`); got.status != 200 {
		t.Errorf("the kill switch must not need the budget: %d %s", got.status, got.body)
	}
}
