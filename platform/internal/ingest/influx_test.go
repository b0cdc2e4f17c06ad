package ingest_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/ingest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func influx(t testing.TB, in *ingest.Ingest, body string, unit time.Duration) (flow.Receipt, error) {
	t.Helper()
	return in.Influx(t.Context(), flow.IngestRequest{Body: []byte(body), Started: start}, unit)
}

func TestInflux_StoresWhatIsMeant(t *testing.T) {
	t.Parallel()
	f := func(name, body string, unit time.Duration, want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := newWorld()
			if got, err := influx(t, in, body, unit); err != nil || got.Refused != 0 {
				t.Fatalf("Influx(%s) = %+v, %v", body, got, err)
			}
			if diff := cmp.Diff(want, w.stored()); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
	f("one", "cpu,host=a usage_idle=99.5 1700000001000000000\n", 1, `cpu_usage_idle{host="a"} 99.5 1s`)
	f("value-is-the-measurement", "queue_length,service=web value=7", 1, `queue_length{service="web"} 7 0s`)
	f("fields", "mem used=1i,free=2u,ok=true,bad=F,pct=-1.5e1", 1, "mem_used 1 0s", "mem_free 2 0s", "mem_ok 1 0s", "mem_bad 0 0s", "mem_pct -15 0s")
	f("unsorted-tags", "a,z=1,b=2 value=1", 1, `a{b="2",z="1"} 1 0s`)
	f("lines", "a value=1 1700000002\n\n# a remark, with \"quotes\nb value=2 1700000001\r\na value=3 1700000001", time.Second, "a 3 1s", "a 1 2s", "b 2 1s")
	f("milliseconds", "a value=1 1700000000250", time.Millisecond, "a 1 250ms")
	f("hours", "a value=1 472222", time.Hour, "a 1 -13m20s")
	f("escapes", `a,k=v\,\ \=\\x value=2`, 1, `a{k="v, =\\\\x"} 2 0s`)
	f("backslash", `a,path=C:\dir value=1`, 1, `a{path="C:\\dir"} 1 0s`)
	f("text-is-passed-over", `a note="x, \"y\" = 1 2",value=3`, 1, "a 3 0s")
	f("text-over-lines", "a note=\"one\ntwo\",value=3\nb value=4", 1, "a 3 0s", "b 4 0s")
	f("spaces", "   a   value=1   1700000000000000000  \n", 1, "a 1 0s")
	f("field-twice", "a value=1,value=2", 1, "a 2 0s")
	f("nothing", "", 1)
	f("large-integer", "a value=9007199254740993i", 1, "a 9.007199254740992e+15 0s")
}

func TestInflux_StoresWhatTheEncoderOfInfluxWrites(t *testing.T) {
	t.Parallel()
	var enc lineprotocol.Encoder
	enc.SetPrecision(lineprotocol.Nanosecond)
	for i := range 3 {
		enc.StartLine("disk")
		enc.AddTag("host", "web 1,eu=\\x")
		enc.AddTag("path", `/var\ lib`)
		enc.AddField("used", lineprotocol.MustNewValue(float64(i)+0.25))
		enc.AddField("inodes", lineprotocol.MustNewValue(int64(-i)))
		enc.AddField("total", lineprotocol.MustNewValue(uint64(i)))
		enc.AddField("fs type", lineprotocol.MustNewValue("ext4 \"x\"\nend"))
		enc.AddField("ro", lineprotocol.MustNewValue(i == 1))
		enc.EndLine(start.Add(time.Duration(i) * time.Second))
	}
	if err := enc.Err(); err != nil {
		t.Fatal(err)
	}
	w, in := newWorld()
	got, err := influx(t, in, string(enc.Bytes()), 1)
	if err != nil || got.Refused != 0 || got.Accepted != 3 || got.Skipped != 3 {
		t.Fatalf("Influx(%s) = %+v, %v", enc.Bytes(), got, err)
	}
	labels := `{host="web 1,eu=\\x",path="/var\\ lib"} `
	want := []string{
		"disk_used" + labels + "0.25 0s", "disk_used" + labels + "1.25 1s", "disk_used" + labels + "2.25 2s",
		"disk_inodes" + labels + "0 0s", "disk_inodes" + labels + "-1 1s", "disk_inodes" + labels + "-2 2s",
		"disk_total" + labels + "0 0s", "disk_total" + labels + "1 1s", "disk_total" + labels + "2 2s",
		"disk_ro" + labels + "0 0s", "disk_ro" + labels + "1 1s", "disk_ro" + labels + "0 2s",
	}
	if diff := cmp.Diff(want, w.stored()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestInflux_NamesTheTextsItPassesOver(t *testing.T) {
	t.Parallel()
	_, in := newWorld()
	got, err := influx(t, in, "system uptime_format=\"1 day\",uptime=1i\nsystem uptime_format=\"2 days\"\nx <b>=\"1\"", 1)
	want := flow.Receipt{Accepted: 1, Skipped: 3, Fields: []string{"system_uptime_format"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Influx: %v (-want +got):\n%s", err, diff)
	}
}

func TestInflux_LeavesBadLinesOut(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&many, ",t%d=v", i)
	}
	f := func(name, line, field, code string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := newWorld()
			got, err := influx(t, in, "ok value=1\n"+line+"\nok2 value=2\n", 1)
			want := flow.Receipt{Accepted: 2, Refused: 1, Rejected: []flow.Rejection{{Index: 1, Field: field, Code: code}}}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("Influx: %v (-want +got):\n%s", err, diff)
			}
			if diff := cmp.Diff([]string{"ok 1 0s", "ok2 2 0s"}, w.stored()); diff != "" || len(w.ids) != 2 {
				t.Errorf("%d series named, stored (-want +got):\n%s", len(w.ids), diff)
			}
			w, in = newWorld()
			if _, err := influx(t, in, line, 1); vigil.CodeOf(err) != code || len(w.batches)+len(w.ids) != 0 {
				t.Errorf("alone: %v, want code %s and nothing stored", err, code)
			}
		})
	}
	f("no-fields", "cpu", "measurement", "line_invalid")
	f("no-fields-with-tags", "cpu,host=a", "tags", "line_invalid")
	f("no-measurement", ",host=a value=1", "measurement", "line_invalid")
	f("empty-tag", "cpu,host= value=1", "tags", "line_invalid")
	f("tag-without-value", "cpu,host value=1", "tags", "line_invalid")
	f("tag-with-two-values", "cpu,host=a=b value=1", "tags", "line_invalid")
	f("field-without-value", "cpu value", "fields", "line_invalid")
	f("empty-value", "cpu value=", "fields", "line_invalid")
	f("empty-field", "cpu =1", "fields", "line_invalid")
	f("one-field-of-two", "cpu a=1,b=x", "fields", "line_invalid")
	f("bare-text", "cpu value=abc", "fields", "line_invalid")
	f("hexadecimal", "cpu value=0x10", "fields", "line_invalid")
	f("underscores", "cpu value=1_0", "fields", "line_invalid")
	f("integer-with-a-dot", "cpu value=1.5i", "fields", "line_invalid")
	f("integer-overflow", "cpu value=9223372036854775808i", "fields", "line_invalid")
	f("negative-unsigned", "cpu value=-1u", "fields", "line_invalid")
	f("nan", "cpu value=NaN", "fields", "sample_not_finite")
	f("infinity", "cpu value=-inf", "fields", "sample_not_finite")
	f("overflow", "cpu value=1e999", "fields", "sample_not_finite")
	f("bad-time", "cpu value=1 yesterday", "ts", "line_invalid")
	f("time-overflow", "cpu value=1 99999999999999999999", "ts", "line_invalid")
	f("after-the-time", "cpu value=1 1700000000000000000 x", "ts", "line_invalid")
	f("too-old", "cpu value=1 1699996399999999999", "ts", "sample_too_old")
	f("too-new", "cpu value=1 1700000600000000001", "ts", "sample_too_new")
	f("min-time", "cpu value=1 -9223372036854775808", "ts", "sample_too_old")
	f("unterminated-text", `cpu note="abc`, "fields", "line_invalid")
	f("markup", "<img> value=1", "name", "name_invalid")
	f("equals-in-measurement", "a=b,h=1 value=1", "name", "name_invalid")
	f("escaped-measurement", `a\,b\ c,h=1 value=1`, "name", "name_invalid")
	f("escaped-tag-name", `a,k\ e\=y=1 value=1`, "labels", "label_name_invalid")
	f("percent", "cpu %_time=1", "name", "name_invalid")
	f("long-name", strings.Repeat("x", 300)+" value=1", "name", "name_limit")
	f("10k-tags", "cpu"+many.String()+" value=1", "labels", "label_limit")
	f("duplicate-tag", "cpu,h=1,h=2 value=1", "labels", "label_duplicate")
	f("utf8", "cpu,h=\xff value=1", "labels", "label_invalid_utf8")
	f("nul", "cpu,h=a\x00b value=1", "labels", "label_invalid_utf8")
	f("one-field-new-of-two", "cpu a=1,b b=2", "fields", "line_invalid")
}

func TestInflux_AdmitsALineWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w, in := newWorld()
	w.limit = 2
	got, err := influx(t, in, "a x=1\nb x=1,y=2\na x=3 1700000001000000000", 1)
	want := flow.Receipt{Accepted: 2, Refused: 1, Rejected: []flow.Rejection{{Index: 1, Field: "labels", Code: "series_limit"}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Influx: %v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"a_x 1 0s", "a_x 3 1s"}, w.stored()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

// FuzzInflux holds the reader against InfluxData's own: where that reads every
// line, this one finds as many numbers and texts.
func FuzzInflux(f *testing.F) {
	f.Add("cpu,host=a usage=1.5,n=2i,ok=t 1700000000000000000\n")
	f.Add("a\\,b\\ c,k\\=e=v f=\"text \\\" \n more\",g=1u\r\n# remark\n\nb value=NaN")
	f.Add("cpu value=\"abc\nb value=1")
	f.Fuzz(func(t *testing.T, body string) {
		w, in := newWorld()
		got, err := influx(t, in, body, 1)
		if vigil.CodeOf(err) == "internal" || (err != nil && len(w.batches) != 0) {
			t.Fatalf("Influx(%q) = %v with %d batches", body, err, len(w.batches))
		}
		sameAsNew(t, 3, func(_ int, in *ingest.Ingest) (flow.Receipt, error) { return influx(t, in, body, 1) })
		if n := strings.Count(body, "\n") + 1; got.Accepted+got.Refused > n {
			t.Fatalf("Influx(%q) = %+v, of %d lines", body, got, n)
		}
		for _, b := range w.batches {
			for _, v := range b.Values {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("Influx(%q) stored %v", body, v)
				}
			}
		}
		if numbers, texts, ok := decodeReal(body); ok && err == nil && got.Refused == 0 {
			if got.Skipped != texts {
				t.Fatalf("Influx(%q): %d texts, InfluxData's finds %d", body, got.Skipped, texts)
			}
			if stored := len(w.stored()); stored > numbers {
				t.Fatalf("Influx(%q): %d numbers, InfluxData's finds %d", body, stored, numbers)
			}
		}
	})
}

// decodeReal counts the fields of a body as InfluxData's decoder reads them.
func decodeReal(body string) (numbers, texts int, ok bool) {
	dec := lineprotocol.NewDecoderWithBytes([]byte(body))
	for dec.Next() {
		if _, err := dec.Measurement(); err != nil {
			return 0, 0, false
		}
		for {
			if key, _, err := dec.NextTag(); err != nil {
				return 0, 0, false
			} else if key == nil {
				break
			}
		}
		for {
			key, v, err := dec.NextField()
			if err != nil {
				return 0, 0, false
			} else if key == nil {
				break
			}
			if v.Kind() == lineprotocol.String {
				texts++
			} else {
				numbers++
			}
		}
		if _, err := dec.Time(lineprotocol.Nanosecond, time.Time{}); err != nil {
			return 0, 0, false
		}
	}
	return numbers, texts, true
}

// processors is what Telegraf's cpu input says of a hundred processors: a line of
// ten fields each.
func processors() string {
	var body strings.Builder
	for i := range 100 {
		fmt.Fprintf(&body, "cpu,cpu=cpu%d,host=web-1.example.net usage_user=%d.25,usage_system=1.5,usage_idle=%d.125,usage_nice=0,usage_iowait=0.01,"+
			"usage_irq=0,usage_softirq=0.5,usage_steal=0,usage_guest=0,usage_guest_nice=0 1700000000000000000\n", i, i%50, i%100)
	}
	return body.String()
}

func BenchmarkDecodeInflux(b *testing.B) {
	body := processors()
	benchDecode(b, 1000, func(in *ingest.Ingest) error {
		_, err := influx(b, in, body, 1)
		return err
	})
}
