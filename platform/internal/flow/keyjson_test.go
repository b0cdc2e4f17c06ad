package flow_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestAppendKeyJSON_IsTheKey(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := vigil.Series{Name: rapid.String().Draw(t, "name"), Labels: rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "labels")}
		text, err := json.Marshal(want.Labels)
		if err != nil {
			t.Fatal(err)
		}
		key, ok := flow.AppendKeyJSON(nil, want.Name, string(text))
		if ok && string(key) != string(flow.AppendKey(nil, want)) {
			t.Fatalf("key of %s = %q", text, key)
		}
	})
	for _, plain := range []string{`{}`, `{"host":"web-1"}`, `{"a":"","host":"wéb","z":"3"}`} {
		if _, ok := flow.AppendKeyJSON(nil, "cpu", plain); !ok {
			t.Errorf("%s is not read", plain)
		}
	}
}

// FuzzAppendKeyJSON holds that whatever text is read means the same to the
// standard library.
func FuzzAppendKeyJSON(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":"b","c":"d"}`, `{"a":"b"`, `{"a":"b"}x`, `{"b":"1","a":"2"}`, `{"a":"\n"}`, `{"a":1}`, `{"a":"b",}`, `{`, "{\"a\":\"\xff\"}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, ok := flow.AppendKeyJSON(nil, "n", text)
		if !ok {
			return
		}
		want := vigil.Series{Name: "n"}
		if err := json.Unmarshal([]byte(text), &want.Labels); err != nil || string(flow.AppendKey(nil, want)) != string(key) {
			t.Fatalf("%q gives %q, and %v, %v", text, key, want, err)
		}
	})
}
