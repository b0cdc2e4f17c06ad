package httpd

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

type doc struct {
	Name   string         `json:"name"`
	Nested map[string]any `json:"nested,omitempty"`
	Budget vigil.Rate     `json:"budget,omitzero"`
}

func TestDecode_IsStrict(t *testing.T) {
	t.Parallel()
	f := func(body, code string) {
		t.Helper()
		if _, err := decode[doc]([]byte(body)); vigil.CodeOf(err) != code {
			t.Errorf("decode(%.80q) = %v, want code %q", body, err, code)
		}
	}
	f(`{"name":"a"}`, "")
	f(` {"name":"a","nested":{"a":[1,{"a":2}]}} `, "")
	f(``, "body_empty")
	f("\n\t ", "body_empty")
	f(`{`, "json_invalid")
	f(`{"name":"a"}{}`, "json_invalid")
	f(`{"name":"a"},`, "json_invalid")
	f(`{"name":NaN}`, "json_invalid")
	f(`{"name":1}`, "json_type")
	f(`[]`, "json_type")
	f(`{"nom":"a"}`, "unknown_field")
	f(`{"name":"a","name":"b"}`, "json_duplicate_key")
	f(`{"name":"a","NAME":"b"}`, "json_duplicate_key")
	f(`{"nested":{"x":{"k":1,"k":1}}}`, "json_duplicate_key")
	f("{\"name\":\"\xff\"}", "json_utf8")
	f(`{"budget":"many"}`, "bad_rate")
	f(`{"nested":{"a":`+strings.Repeat("[", 30)+strings.Repeat("]", 30)+`}}`, "")
	f(`{"nested":{"a":`+strings.Repeat("[", 31)+strings.Repeat("]", 31)+`}}`, "json_depth")
	f(strings.Repeat("[", 100_000), "json_depth")
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"name":"a"}`, `{"name":"a","NAME":"b"}`, `{"nested":{"a":[1,2,{"b":null}]}}`, `[[[[`, "{\"\xff\":1}", ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := decode[doc](body)
		if err != nil {
			if k := vigil.KindOf(err); k != vigil.Invalid || vigil.CodeOf(err) == "internal" {
				t.Fatalf("decode(%q) = %v, not a coded refusal", body, err)
			}
			return
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode[doc](again); err != nil {
			t.Fatalf("decode(%q), which it wrote itself, = %v", again, err)
		}
	})
}

func FuzzFraming(f *testing.F) {
	f.Add([]byte("Host: a\r\n\r\n"), "/livez")
	f.Add([]byte("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), "/a%2e")
	f.Fuzz(func(_ *testing.T, raw []byte, path string) {
		_ = framing(raw, len(raw)%2 == 0, path)
		_ = plainPath(path)
	})
}

func TestDecode_NamesTypesAsJSONDoes(t *testing.T) {
	t.Parallel()
	_, err := decode[wishInput]([]byte(`[]`))
	if err == nil || err.Error() != "want an object" {
		t.Errorf("decode of an array = %v, want an object to be asked for", err)
	}
	_, err = decode[wishInput]([]byte(`{"action": 1}`))
	if err == nil || err.Error() != "want a string" {
		t.Errorf("decode of a number = %v, want a string to be asked for", err)
	}
}

func TestPattern_EscapesWhatTheRouterWouldRead(t *testing.T) {
	t.Parallel()
	f := func(path, want string) {
		t.Helper()
		if got := pattern(path); got != want {
			t.Errorf("pattern(%q) = %q, want %q", path, got, want)
		}
	}
	f("/livez", "/livez")
	f("/api/{id}/wasm", "/api/:id/wasm")
	f("/api/{id}:cancel", `/api/:id\:cancel`)
}
