package ingest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/ingest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// start is when the tests' clock stands.
var start = time.Unix(1_700_000_000, 0).UTC()

// world is all that an Ingest meets, in memory.
type world struct {
	limit   int   // of series
	refuse  error // what Append answers
	ids     map[string]flow.SeriesRow
	last    uint64        // id given
	forgot  uint64        // how often
	batches []*flow.Batch // appended
	offered []*flow.Batch
	spans   []flow.Span
}

func (w *world) Find(key []byte) (flow.SeriesRow, bool) {
	row, ok := w.ids[string(key)]
	return row, ok
}

func (w *world) Intern(key []byte) (flow.SeriesRow, error) {
	row, ok := w.Find(key)
	if !ok {
		if len(w.ids) >= w.limit {
			return flow.SeriesRow{}, vigil.Errorf(vigil.Busy, "series_limit", "full")
		}
		w.last++
		row.ID = w.last
		row.Meta, _ = flow.SeriesOf(string(key))
		w.ids[string(key)] = row
	}
	return row, nil
}

func (w *world) Generation() uint64 { return w.forgot }

// forget lets go of all series.
func (w *world) forget() {
	clear(w.ids)
	w.forgot++
}

func (w *world) Append(_ context.Context, b *flow.Batch) error {
	if w.refuse == nil {
		w.batches = append(w.batches, b)
	}
	return w.refuse
}

func (w *world) Offer(b *flow.Batch)     { w.offered = append(w.offered, b) }
func (w *world) Emit(spans ...flow.Span) { w.spans = append(w.spans, spans...) }

func newWorld() (*world, *ingest.Ingest) {
	w := &world{limit: 1000, ids: map[string]flow.SeriesRow{}}
	return w, w.ingest()
}

// ingest returns an Ingest that has read nothing yet.
func (w *world) ingest() *ingest.Ingest {
	return ingest.New(ingest.Options{
		Tenant: "default", Store: w, Sink: w, Spans: w, Now: func() time.Time { return start },
	})
}

func post(t testing.TB, in *ingest.Ingest, body string) (flow.Receipt, error) {
	t.Helper()
	return in.JSON(t.Context(), flow.IngestRequest{
		By: flow.Principal{Name: "local", Tenant: "default"}, Body: []byte(body), Started: start,
	})
}

// stored renders the samples of the batches in order.
func (w *world) stored() (out []string) {
	for _, b := range w.batches {
		for _, r := range b.Runs {
			for i := r.First; i < r.First+r.Count; i++ {
				at := time.Unix(0, b.Times[i]).Sub(start)
				out = append(out, fmt.Sprintf("%s %v %s", r.Meta, b.Values[i], at))
			}
		}
	}
	return out
}

func TestJSON_AcceptsTheSeedsSample(t *testing.T) {
	t.Parallel()
	w, in := newWorld()
	got, err := post(t, in, `{"name":"cpu_usage","value":0.12}`)
	if err != nil || got.Accepted != 1 || len(got.Rejected) != 0 {
		t.Fatalf("JSON = %+v, %v, want 1 accepted", got, err)
	}
	if diff := cmp.Diff([]string{"cpu_usage 0.12 0s"}, w.stored()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if len(w.offered) != 1 || w.offered[0] != w.batches[0] {
		t.Error("the batch was not offered once")
	}
	b := w.batches[0]
	if b.By != "local" || b.Tenant != "default" || !b.Received.Equal(start) {
		t.Errorf("batch by %q of %q received %v", b.By, b.Tenant, b.Received)
	}
}

func TestJSON_StoresWhatIsMeant(t *testing.T) {
	t.Parallel()
	f := func(name, body string, want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := newWorld()
			if _, err := post(t, in, body); err != nil {
				t.Fatalf("JSON(%s): %v", body, err)
			}
			if diff := cmp.Diff(want, w.stored()); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
	f("array", `[{"name":"a","value":1},{"name":"b","value":2}]`, "a 1 0s", "b 2 0s")
	f("ndjson", "{\"name\":\"a\",\"value\":1}\n{\"name\":\"b\",\"value\":2}\r\n\n", "a 1 0s", "b 2 0s")
	f("white-space", " \n\t{ \"name\" : \"a\" , \"value\" : -1.5e2 } \n", "a -150 0s")
	f("rfc3339", `{"name":"a","value":1,"ts":"2023-11-14T22:13:30.25Z"}`, "a 1 10.25s")
	f("rfc3339-zone", `{"name":"a","value":1,"ts":"2023-11-15T00:13:20+02:00"}`, "a 1 0s")
	f("unix-seconds", `{"name":"a","value":1,"ts":1700000001}`, "a 1 1s")
	f("unix-fraction", `{"name":"a","value":1,"ts":1700000000.123}`, "a 1 123ms")
	f("unix-milliseconds", `{"name":"a","value":1,"ts":1700000000456}`, "a 1 456ms")
	f("no-ts", `{"name":"a","value":1,"ts":null,"labels":null}`, "a 1 0s")
	f("labels", `{"labels":{"host":"h","env":"p"},"value":1,"name":"a"}`, `a{env="p",host="h"} 1 0s`)
	f("tags", `{"name":"a","value":1,"tags":{"host":"h"}}`, `a{host="h"} 1 0s`)
	f("empty-label-is-none", `{"name":"a","value":1,"labels":{"host":""}}`, "a 1 0s")
	f("escapes", `{"n\u0061me":"a","value":1,"labels":{"p":"\u00e9\ud83d\ude00\/\"\\"}}`, `a{p="é😀/\"\\"} 1 0s`)
	f("tiny", `{"name":"a","value":1e-999}`, "a 0 0s")
	f("order", `[{"name":"a","value":2,"ts":1700000002},{"name":"b","value":9},{"name":"a","value":1,"ts":1700000001}]`,
		"a 1 1s", "a 2 2s", "b 9 0s")
	f("duplicate-keeps-last", `[{"name":"a","value":1,"ts":1700000001},{"name":"a","value":2,"ts":1700000001.0}]`, "a 2 1s")
	f("oldest", `{"name":"a","value":1,"ts":1699996400}`, "a 1 -1h0m0s")
	f("newest", `{"name":"a","value":1,"ts":1700000600}`, "a 1 10m0s")
}

func TestJSON_RefusesTheWholeBody(t *testing.T) {
	t.Parallel()
	ok := `{"name":"a","value":1}`
	f := func(name, body, code string, fields map[string]any) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := newWorld()
			_, err := post(t, in, body)
			if got := vigil.CodeOf(err); got != code {
				t.Fatalf("code = %q (%v), want %q", got, err, code)
			}
			for k, want := range fields {
				if got := vigil.AsError(err).Fields[k]; got != want {
					t.Errorf("field %s = %v, want %v", k, got, want)
				}
			}
			if len(w.batches)+len(w.offered)+len(w.ids) != 0 {
				t.Error("something was stored")
			}
		})
	}
	at := func(i int, field string) map[string]any { return map[string]any{"index": i, "field": field} }
	f("empty", "", "body_empty", nil)
	f("blank", " \n", "body_empty", nil)
	f("empty-array", "[ ]", "body_empty", nil)
	f("text", "hello", "json_invalid", nil)
	f("cut", `{"name":"a","val`, "json_invalid", map[string]any{"offset": 16})
	f("nul", "\x00", "json_invalid", nil)
	f("nul-inside", "{\"name\"\x00:\"a\"}", "json_invalid", nil)
	f("trailing", ok+` x`, "json_invalid", nil)
	f("second-on-one-line", ok+ok, "json_invalid", nil)
	f("trailing-comma", `[`+ok+`,]`, "json_invalid", nil)
	f("after-array", `[`+ok+`] 1`, "json_invalid", nil)
	f("leading-zero", `{"name":"a","value":01}`, "json_invalid", nil)
	f("plus", `{"name":"a","value":+1}`, "json_invalid", nil)
	f("hex", `{"name":"a","value":0x10}`, "json_invalid", nil)
	f("raw-newline", "{\"name\":\"a\nb\",\"value\":1}", "json_invalid", nil)
	f("bad-escape", `{"name":"\x","value":1}`, "json_invalid", nil)
	f("depth", strings.Repeat("[", 10_001), "json_depth", nil)
	f("depth-of-objects", strings.Repeat(`{"name":`, 40)+"1", "json_depth", nil)
	f("invalid-utf8", "{\"name\":\"a\xff\",\"value\":1}", "json_invalid_utf8", nil)
	f("lone-surrogate", `{"name":"a\ud800","value":1}`, "json_invalid_utf8", nil)
	f("half-pair", `{"name":"a\ud800\u0041","value":1}`, "json_invalid_utf8", nil)
	f("label-utf8", "{\"name\":\"a\",\"value\":1,\"labels\":{\"h\":\"\xc3\"}}", "label_invalid_utf8", at(0, "labels"))
	f("duplicate-key", `{"name":"a","value":1,"value":2}`, "json_duplicate_key", at(0, "value"))
	f("escaped-duplicate-key", `{"name":"a","value":1,"v\u0061lue":2}`, "json_duplicate_key", at(0, "value"))
	f("labels-and-tags", `{"name":"a","value":1,"labels":{},"tags":{}}`, "json_duplicate_key", at(0, "tags"))
	f("duplicate-label", `{"name":"a","value":1,"labels":{"h":"1","h":"2"}}`, "json_duplicate_key", nil)
	f("case-variant-label", `{"name":"a","value":1,"labels":{"host":"1","HOST":"2"}}`, "json_duplicate_key", nil)
	f("case-variant-key", `{"name":"a","Value":1}`, "unknown_field", nil)
	f("unknown", `{"name":"a","value":1,"host":"h"}`, "unknown_field", nil)
	f("not-an-object", `[`+ok+`,7]`, "sample_type", map[string]any{"index": 1})
	f("no-name", `{"value":1}`, "sample_name_missing", at(0, "name"))
	f("empty-name", `{"name":"","value":1}`, "sample_name_missing", nil)
	f("name-type", `{"name":1,"value":1}`, "sample_name_type", nil)
	f("no-value", `[`+ok+`,{"name":"a"}]`, "sample_value_missing", at(1, "value"))
	f("string-value", `[`+ok+`,`+ok+`,{"name":"a","value":"1"}]`, "sample_value_type", at(2, "value"))
	f("null-value", `{"name":"a","value":null}`, "sample_value_type", nil)
	f("true-value", `{"name":"a","value":true}`, "sample_value_type", nil)
	f("object-value", `{"name":"a","value":{"x":[]}}`, "sample_value_type", nil)
	f("nan", `{"name":"a","value":NaN}`, "sample_not_finite", at(0, "value"))
	f("infinity", `{"name":"a","value":-Infinity}`, "sample_not_finite", nil)
	f("overflow", `{"name":"a","value":1e999}`, "sample_not_finite", nil)
	f("ts-text", `{"name":"a","value":1,"ts":"yesterday"}`, "sample_ts_invalid", at(0, "ts"))
	f("ts-type", `{"name":"a","value":1,"ts":[1]}`, "sample_ts_invalid", nil)
	f("ts-overflow", `{"name":"a","value":1,"ts":1e999}`, "sample_ts_invalid", nil)
	f("labels-type", `{"name":"a","value":1,"labels":["h"]}`, "label_type", nil)
	f("label-value-type", `{"name":"a","value":1,"labels":{"port":80}}`, "label_value_type", at(0, "labels"))
}

func TestJSON_LeavesInadmissibleSamplesOut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2000)
	var many []string
	for i := range 33 {
		many = append(many, fmt.Sprintf(`"l%d":"v"`, i))
	}
	f := func(name, sample, field, code string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := []flow.Rejection{{Index: 1, Field: field, Code: code}}
			w, in := newWorld()
			got, err := post(t, in, `[{"name":"ok","value":1},`+sample+`,{"name":"ok2","value":1}]`)
			if diff := cmp.Diff(flow.Receipt{Accepted: 2, Refused: 1, Rejected: want}, got); err != nil || diff != "" {
				t.Errorf("among others: %v (-want +got):\n%s", err, diff)
			}
			if len(w.ids) != 2 {
				t.Errorf("%d series named, want 2: a refused sample takes no series' place", len(w.ids))
			}
			w, in = newWorld()
			_, err = post(t, in, sample)
			want[0].Index = 0
			if vigil.CodeOf(err) != code || vigil.KindOf(err) != vigil.Invalid {
				t.Errorf("alone: %v, want code %s", err, code)
			}
			if diff := cmp.Diff(any(want), vigil.AsError(err).Fields["rejected"]); diff != "" {
				t.Errorf("rejected (-want +got):\n%s", diff)
			}
			if len(w.batches) != 0 {
				t.Error("something was stored")
			}
		})
	}
	f("too-old", `{"name":"a","value":1,"ts":1699996399}`, "ts", "sample_too_old")
	f("too-new", `{"name":"a","value":1,"ts":1700000601}`, "ts", "sample_too_new")
	f("negative-ts", `{"name":"a","value":1,"ts":-9223372036854775808}`, "ts", "sample_too_old")
	f("absurd-ts", `{"name":"a","value":1,"ts":1e308}`, "ts", "sample_too_new")
	f("year-9999", `{"name":"a","value":1,"ts":"9999-12-31T23:59:59Z"}`, "ts", "sample_too_new")
	f("year-1", `{"name":"a","value":1,"ts":"0001-01-01T00:00:00Z"}`, "ts", "sample_too_old")
	f("markup-name", `{"name":"<img onerror>","value":1}`, "name", "name_invalid")
	f("digit-first", `{"name":"1a","value":1}`, "name", "name_invalid")
	f("long-name", `{"name":"`+long+`","value":1}`, "name", "name_limit")
	f("many-labels", `{"name":"a","value":1,"labels":{`+strings.Join(many, ",")+`}}`, "labels", "label_limit")
	f("long-label", `{"name":"a","value":1,"labels":{"h":"`+long+`"}}`, "labels", "label_limit")
	f("label-name", `{"name":"a","value":1,"labels":{"a b":"1"}}`, "labels", "label_name_invalid")
	f("reserved-label", `{"name":"a","value":1,"labels":{"__name__":"b"}}`, "labels", "label_name_invalid")
	f("nul-label", `{"name":"a","value":1,"labels":{"h":"a\u0000b"}}`, "labels", "label_invalid_utf8")
	f("ansi-label", `{"name":"a","value":1,"labels":{"h":"\u001b[2J"}}`, "labels", "label_invalid")
}

func TestJSON_AcceptsKnownSeriesAtTheLimit(t *testing.T) {
	t.Parallel()
	w, in := newWorld()
	w.limit = 1
	if _, err := post(t, in, `{"name":"a","value":1}`); err != nil {
		t.Fatal(err)
	}
	got, err := post(t, in, `[{"name":"b","value":1},{"name":"a","value":2}]`)
	want := flow.Receipt{Accepted: 1, Refused: 1, Rejected: []flow.Rejection{{Index: 0, Field: "labels", Code: "series_limit"}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("JSON: %v (-want +got):\n%s", err, diff)
	}
	_, err = post(t, in, `{"name":"b","value":1}`)
	if vigil.CodeOf(err) != "series_limit" || vigil.KindOf(err) != vigil.Busy {
		t.Errorf("JSON = %v, want series_limit, busy", err)
	}
}

func TestJSON_NamesAMixtureOfFaults(t *testing.T) {
	t.Parallel()
	_, in := newWorld()
	_, err := post(t, in, `[{"name":"a","value":1,"ts":1},{"name":"<","value":1}]`)
	if vigil.CodeOf(err) != "samples_rejected" {
		t.Errorf("JSON = %v, want samples_rejected", err)
	}
}

func TestJSON_BoundsTheSamplesOfARequest(t *testing.T) {
	t.Parallel()
	w, _ := newWorld()
	in := ingest.New(ingest.Options{
		Store: w, Sink: w, Limits: ingest.Limits{Samples: 2}, Now: func() time.Time { return start },
	})
	three := strings.Repeat("{\"name\":\"a\",\"value\":1}\n", 3)
	if _, err := post(t, in, three); vigil.CodeOf(err) != "batch_limit" || vigil.KindOf(err) != vigil.TooLarge {
		t.Errorf("JSON = %v, want batch_limit", err)
	}
}

func TestJSON_OffersNothingThatIsNotDurable(t *testing.T) {
	t.Parallel()
	w, in := newWorld()
	w.refuse = vigil.Errorf(vigil.Internal, "storage_failed", "disk on fire")
	if _, err := post(t, in, `{"name":"a","value":1}`); vigil.CodeOf(err) != "storage_failed" {
		t.Errorf("JSON = %v, want storage_failed", err)
	}
	if len(w.offered) != 0 {
		t.Error("a batch was offered")
	}
}

func TestJSON_ReadsOnlyJSON(t *testing.T) {
	t.Parallel()
	_, in := newWorld()
	f := func(contentType, code string) {
		t.Helper()
		_, err := in.JSON(t.Context(), flow.IngestRequest{Body: []byte(`{"name":"a","value":1}`), ContentType: contentType})
		if got := vigil.CodeOf(err); got != code {
			t.Errorf("content type %q: code %q, want %q", contentType, got, code)
		}
	}
	f("", "")
	f("application/json", "")
	f("application/json; charset=UTF-8", "")
	f("application/x-ndjson", "")
	f("application/x-www-form-urlencoded", "") // curl -d
	f("text/html", "content_type_unsupported")
	f("application/json; charset=utf-16", "content_type_unsupported")
	f(";;;", "content_type_unsupported")
}

func TestJSON_ErrorsNeverRepeatTheInput(t *testing.T) {
	t.Parallel()
	_, in := newWorld()
	for _, body := range []string{
		`{"s3cret":1}`, `{"name":"s3cret"}`, `s3cret`, `{"name":"s3cret<","value":1}`,
		`{"name":"a","value":"s3cret"}`, `{"name":"a","value":1,"ts":"s3cret"}`, `{"name":"a","value":1,"labels":{"s3cret":1}}`,
	} {
		_, err := post(t, in, body)
		if e := vigil.AsError(err); err == nil || strings.Contains(fmt.Sprint(e, e.Hint, e.Fields), "s3cret") {
			t.Errorf("JSON(%s) = %v, hint %q, fields %v", body, err, e.Hint, e.Fields)
		}
	}
}
