package vigil_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestBody_IsTextWhereItIsText(t *testing.T) {
	t.Parallel()
	f := func(b, doc string) {
		t.Helper()
		got, err := json.Marshal(vigil.Body(b))
		if err != nil || string(got) != doc {
			t.Errorf("%q became %s, %v; want %s", b, got, err, doc)
		}
		var back vigil.Body
		if err := json.Unmarshal(got, &back); err != nil || string(back) != b {
			t.Errorf("%s became %q, %v", got, back, err)
		}
	}
	f("", `""`)
	f("é\n", `"é\n"`)
	f("\xff", `{"base64":"/w=="}`)
	var b vigil.Body
	for doc, want := range map[string]string{
		`"a\u00e9\ud83d\ude00\ud83d\n\/\""`: "aé😀\ufffd\n/\"", `{ "base64" : "\/w==" }`: "\xff", `"\\"`: `\`,
	} {
		if err := json.Unmarshal([]byte(doc), &b); err != nil || string(b) != want {
			t.Errorf("%s became %q, %v; want %q", doc, b, err, want)
		}
	}
	for _, doc := range []string{`7`, `["a"]`, `{"base64":"%"}`, `true`} {
		if err := json.Unmarshal([]byte(doc), new(vigil.Body)); err == nil {
			t.Errorf("%s was read as a body", doc)
		}
	}
}

func TestBody_EscapesNeverTakeMoreRoomThanBase64(t *testing.T) {
	t.Parallel()
	b := vigil.Body(strings.Repeat("\x01<", 1000))
	doc, err := json.Marshal(b)
	var back vigil.Body
	if err != nil || len(doc) > len(b)*4/3+64 || json.Unmarshal(doc, &back) != nil || !bytes.Equal(b, back) {
		t.Errorf("%d bytes became %d, %v", len(b), len(doc), err)
	}
}

func FuzzBody(f *testing.F) {
	f.Add([]byte(`"text"`))
	f.Add([]byte(`{"base64":"/w=="}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var b, back vigil.Body
		if json.Unmarshal(doc, &b) != nil {
			return
		}
		var text string
		if utf8.Valid(doc) && doc[0] == '"' && json.Unmarshal(doc, &text) == nil && text != string(b) {
			t.Errorf("%q became %q, encoding/json says %q", doc, b, text)
		}
		again, err := json.Marshal(b)
		if err != nil || json.Unmarshal(again, &back) != nil || !bytes.Equal(b, back) {
			t.Errorf("%q became %q by %s (%v)", b, back, again, err)
		}
	})
}
