package recall_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestQuery_AnswersWithTheSamplesOfTheRange(t *testing.T) {
	t.Parallel()
	w := open(t, "default", t.TempDir())
	w.grant("query", "metric:cpu_*", nil)
	w.ingest("cpu_usage", "a", 1, math.Inf(1), 3)
	w.ingest("cpu_usage", "b", 4)
	w.ingest("cpu_other", "a", 5)
	f := func(q vigil.QueryRequest, want string) {
		t.Helper()
		var got []string
		for _, h := range data[vigil.QueryReply](t, w.ask(vigil.OpQuery, q)).Series {
			got = append(got, fmt.Sprint(h.Series, []float64(h.Values), len(h.Times)))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s gave %s, want %s", q.Select, s, want)
		}
	}
	f(last(`cpu_usage`), `cpu_usage{host="a"} [1 +Inf 3] 3 cpu_usage{host="b"} [4] 1`)
	f(last(`cpu_usage{host=~"b|c"}`), `cpu_usage{host="b"} [4] 1`)
	f(last(`cpu_none`), ``)
	f(vigil.QueryRequest{Select: "cpu_usage", From: start.UnixNano(), To: start.UnixNano()}, `cpu_usage{host="a"} [3] 1 cpu_usage{host="b"} [4] 1`)
}

func TestQuery_RefusesWhatIsNoQuestion(t *testing.T) {
	t.Parallel()
	w := open(t, "default", t.TempDir())
	w.grant("query", "metric:*", nil)
	f := func(request, code string) {
		t.Helper()
		if reply := w.ask(vigil.OpQuery, request); reply.OK || reply.Code != code {
			t.Errorf("%.100s: %+v, want %s", request, reply, code)
		}
	}
	in := func(from, to string) string { return `{"select":"cpu","from":` + from + `,"to":` + to + `}` }
	f(in("-1", "0"), "query_range")
	f(in("-9223372036854775808", "9223372036854775807"), "query_range")
	f(in("0", "-9223372036854775808"), "query_range")
	f(in("2", "1"), "query_range")
	f(in("0", "9223372036854775807"), "query_range")
	f(in("0", "2678400000000001"), "query_range") // 31 days and a microsecond
	f(in("0", "9223372036854775808"), "request_invalid")
	f(in("0", "1e308"), "request_invalid")
	f(in("0.5", "1"), "request_invalid")
	f(in(`"0"`, "1"), "request_invalid")
	f(`{"select":"cpu","from":0,"to":1,"step":1}`, "request_invalid")
	f(`{"select":"cpu","from":0,"to":1}{}`, "request_invalid")
	f(``, "request_invalid")
	f(strings.Repeat(" ", 96<<10)+in("0", "1"), "request_invalid")
	for _, selector := range []string{
		``, `{}`, `{host=~\".*\"}`, `{host=\"a\"}`, `{__name__=~\"cpu.*\"}`, `cpu[5m]`, `cpu offset 5m`, `rate(cpu[5m])`, `cpu{`,
		`{\"cpu@host\"}`, `cpu{host=~\"(a{1000}){1000}\"}`, strings.Repeat("a", 5000),
	} {
		f(`{"select":"`+selector+`","from":0,"to":1}`, "selector_invalid")
	}
}

func TestQuery_IsBoundedInSamplesAndTime(t *testing.T) {
	t.Parallel()
	w := open(t, "default", t.TempDir())
	w.grant("query", "metric:*", nil)
	for i := range 51 {
		w.ingest("cpu_usage", fmt.Sprint("h", i), make([]float64, 100)...)
	}
	q := last("cpu_usage")
	q.From -= int64(time.Hour)
	if reply := w.ask(vigil.OpQuery, q); reply.Code != "query_limit" {
		t.Errorf("5,100 samples gave %.200v, want query_limit", reply)
	}
	q.Select = `cpu_usage{host!="h7"}`
	if got := data[vigil.QueryReply](t, w.ask(vigil.OpQuery, q)); len(got.Series) != 50 {
		t.Errorf("5,000 samples came in %d series, want 50", len(got.Series))
	}

	w.opts.Read = func(ctx context.Context, _ string, _ func(vigil.Series) bool, _, _ time.Time, _ int) ([]vigil.History, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	w.reopen()
	begun := time.Now()
	if reply := w.ask(vigil.OpQuery, q); reply.Code != "query_timeout" || time.Since(begun) > 5*time.Second {
		t.Errorf("a disk that does not answer gave %+v after %s, want query_timeout", reply, time.Since(begun))
	}
}

func TestWall_ATenantsGuestSeesNothingOfAnother(t *testing.T) {
	t.Parallel()
	one, other := open(t, "one", t.TempDir()), open(t, "other", t.TempDir())
	for _, w := range []*tenant{one, other} {
		w.grant("query", "metric:*", nil)
		w.grant("state", "state:*", nil)
	}
	other.ingest("secret", "a", 42)
	other.ask(vigil.OpState, set("secret", "42"))
	if got := data[vigil.QueryReply](t, one.ask(vigil.OpQuery, last("secret"))); len(got.Series) != 0 {
		t.Errorf("the other tenant's metric: %v", got)
	}
	list := data[vigil.StateReply](t, one.ask(vigil.OpState, vigil.StateRequest{Do: vigil.StateList}))
	if diff := cmp.Diff(vigil.StateReply{}, list); diff != "" || one.get("secret") != "" {
		t.Errorf("the other tenant's state: %s", diff)
	}
	if got := data[vigil.QueryReply](t, other.ask(vigil.OpQuery, last("secret"))); len(got.Series) != 1 || other.get("secret") != "42" {
		t.Errorf("its own: %v, %q", got, other.get("secret"))
	}
}

// FuzzCall sends requests to a guest that may read one metric and not the
// other. Each is answered, in JSON with a code, and never with the other.
func FuzzCall(f *testing.F) {
	w := open(f, "default", f.TempDir())
	w.grant("query", "metric:open", nil)
	w.grant("state", "state:asker", nil)
	w.ingest("open", "a", 1)
	w.ingest("hidden", "a", 1234567)
	for _, doc := range []string{
		`{"select":"open","from":0,"to":1767225600000000000}`, `{"select":"hidden","from":1767225500000000000,"to":1767225600000000000}`,
		`{"select":"open{__name__=\"hidden\"}","from":1767225500000000000,"to":1767225600000000000}`,
		`{"select":"{__name__=\"open\",__name__=\"hidden\"}","from":1767225500000000000,"to":1767225600000000000}`,
		`{"do":"set","key":"k","value":"aGk="}`, `{"do":"get","key":"k"}`, `{"do":"list","key":""}`, `{"do":"delete","key":"k"}`, `[]`,
	} {
		f.Add(true, []byte(doc))
		f.Add(false, []byte(doc))
	}
	guest := w.For(asker)
	f.Fuzz(func(t *testing.T, query bool, doc []byte) {
		op := vigil.OpState
		if query {
			op = vigil.OpQuery
		}
		evaluate(t, guest, false, func(func(string, any) vigil.CallReply) {
			reply := call(t, guest, op, string(doc))
			if !reply.OK && (reply.Code == "" || reply.Code == "internal") {
				t.Errorf("%s %q: %+v", op, doc, reply)
			}
			if strings.Contains(string(reply.Data), "1234567") {
				t.Errorf("%s %q: %s", op, doc, reply.Data)
			}
		})
	})
}
