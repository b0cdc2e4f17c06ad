package guest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/internal/guest"
)

type band struct {
	Above float64 `json:"above"`
}

type common struct {
	Unit string `json:"unit,omitempty"`
}

type settings struct {
	common
	Exported
	Bands  []band           `json:"bands"`
	Named  map[string]*band `json:"named"`
	Count  int              `json:"count"`
	At     time.Time        `json:"at"`
	Hidden string           `json:"-"`
	Plain  bool
	Pair   [2]float32        `json:"pair"`
	Small  uint8             `json:"small"`
	Words  map[string]string `json:"words"`
	Any    any               `json:"any"`
	Step   *step             `json:"step"`
}

// step reads itself from text.
type step int

func (s *step) UnmarshalText(b []byte) error {
	if string(b) != "two" {
		return errors.New("want two")
	}
	*s = 2
	return nil
}

// Exported is embedded, and so are its members.
type Exported struct {
	Note string `json:"note"`
}

func (s settings) Validate() error {
	switch s.Count {
	case 13:
		return errors.New("thirteen brings bad luck")
	case 14:
		return &guest.Fault{Errno: abi.ErrBadSettings, Code: "settings_invalid", Path: "count", Message: "too near thirteen"}
	}
	return nil
}

func TestDecodeSettings_NamesThePathOfAMistake(t *testing.T) {
	t.Parallel()
	f := func(doc, code, path string) {
		t.Helper()
		var s settings
		err := guest.DecodeSettings([]byte(doc), &s)
		var got *guest.Fault
		if !errors.As(err, &got) || got.Code != code || got.Path != path || got.Errno != abi.ErrBadSettings {
			t.Errorf("DecodeSettings(%s) = %#v, want code %s at %q", doc, err, code, path)
		}
	}
	f(`{"bands":[{"above":1},{"abov":2}]}`, "settings_unknown_field", "bands[1].abov")
	f(`{"named":{"x":{"nope":2}}}`, "settings_unknown_field", "named.x.nope")
	f(`{"Count":1}`, "settings_unknown_field", "Count")
	f(`{"Hidden":"x"}`, "settings_unknown_field", "Hidden")
	f(`{"count":"many"}`, "settings_type", "count")
	f(`{"bands":[{"above":"x"}]}`, "settings_type", "bands[0].above")
	f(`{"bands":{}}`, "settings_type", "bands")
	f(`[]`, "settings_type", "")
	f(`{"count":1.5}`, "settings_type", "count")
	f(`{"at":"noon"}`, "settings_invalid", "at")
	f(`{"pair":[1,2,3]}`, "settings_type", "pair")
	f(`{"small":300}`, "settings_type", "small")
	f(`{"named":{"x":{"above":1e999}}}`, "settings_type", "named.x.above")
	f(`{"count":1}x`, "settings_json", "")
	f(`{"count":13}`, "settings_invalid", "")
	f(`{"count":14}`, "settings_invalid", "count")
}

func TestDecodeSettings_ReadsWhatIsRight(t *testing.T) {
	t.Parallel()
	var got, want settings
	doc := `{"unit":"s","note":"n","bands":[{"above":1}],"named":{"x":{"above":2},"y":null},"count":-3,"Plain":true, "at":"2026-01-01T00:00:00Z",
		"pair":[1],"small":255,"words":{"a":"\u00fc\ud83d\ude00\n"},"any":[null,true,1.5e3,"x",{"y":[]}],"step":"two"}`
	if err := guest.DecodeSettings([]byte(doc), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(doc), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{})); diff != "" {
		t.Errorf("not what encoding/json reads (-json +got):\n%s", diff)
	}
	if err := guest.DecodeSettings(nil, &got); err != nil {
		t.Errorf("no settings at all: %v", err)
	}
	if err := guest.DecodeSettings([]byte(`{"bands":null,"named":null,"any":null,"step":null,"count":null}`), &got); err != nil {
		t.Errorf("nothing for everything: %v", err)
	}
	if got.Bands != nil || got.Named != nil || got.Any != nil || got.Step != nil || got.Count != -3 {
		t.Errorf("null leaves %+v", got)
	}
}

func TestFault_IsReadByAnyJSONReader(t *testing.T) {
	t.Parallel()
	want := map[string]string{"code": "c", "path": "a[\"\\]", "message": "line\n\x01ü\u2028"}
	f := guest.Fault{Errno: abi.ErrBadInput, Code: want["code"], Path: want["path"], Message: want["message"]}
	var got map[string]string
	if err := json.Unmarshal(f.AppendJSON(nil), &got); err != nil || !cmp.Equal(want, got) {
		t.Errorf("AppendJSON = %s, %v", f.AppendJSON(nil), err)
	}
}

type bounded struct {
	inner
	Above *float64 `json:"above" min:"0" max:"1" default:"0.8"`
	Count int      `json:"count" min:"-2" default:"3"`
	Unit  string   `json:"unit" enum:"s,ms" default:"s"`
	Every at       `json:"every" default:"noon"`
	List  []inner  `json:"list"`
	Named map[string]struct {
		N uint8 `json:"n" max:"9"`
	} `json:"named"`
}

type inner struct {
	Share float64 `json:"share" max:"1" default:"0.5"`
}

type at struct{ text string }

func (a *at) UnmarshalText(b []byte) error {
	a.text = string(b)
	return nil
}

func TestDecodeSettings_FillsInDefaults(t *testing.T) {
	t.Parallel()
	f := func(doc string, above float64, count int, unit, every string, share float64) {
		t.Helper()
		var got bounded
		if err := guest.DecodeSettings([]byte(doc), &got); err != nil {
			t.Fatalf("DecodeSettings(%s) = %v", doc, err)
		}
		if *got.Above != above || got.Count != count || got.Unit != unit || got.Every.text != every || got.Share != share {
			t.Errorf("DecodeSettings(%s) = %+v, above %v", doc, got, *got.Above)
		}
	}
	f(``, 0.8, 3, "s", "noon", 0.5)
	f(`{"above":null,"count":null,"unit":null}`, 0.8, 3, "s", "noon", 0.5)
	f(`{"above":0,"count":0,"unit":"ms","every":"night","share":0,"list":[{}]}`, 0, 0, "ms", "night", 0)
}

func TestDecodeSettings_KeepsTheTagsLimits(t *testing.T) {
	t.Parallel()
	f := func(doc, path, message string) {
		t.Helper()
		var got *guest.Fault
		err := guest.DecodeSettings([]byte(doc), new(bounded))
		if !errors.As(err, &got) || got.Code != "settings_invalid" || got.Path != path || got.Message != message {
			t.Errorf("DecodeSettings(%s) = %#v, want %q at %q", doc, err, message, path)
		}
	}
	f(`{"above":-0.1}`, "above", "must be at least 0")
	f(`{"above":1.1}`, "above", "must be at most 1")
	f(`{"count":-3}`, "count", "must be at least -2")
	f(`{"unit":"h"}`, "unit", "must be one of s, ms")
	f(`{"share":2}`, "share", "must be at most 1")
	f(`{"list":[{},{"share":2}]}`, "list[1].share", "must be at most 1")
	f(`{"named":{"b":{"n":10},"a":{"n":11}}}`, "named.a.n", "must be at most 9")
}

// FuzzDecodeSettings holds what is read, and what is not, against encoding/json.
func FuzzDecodeSettings(f *testing.F) {
	for _, doc := range []string{
		`{"bands":[{"above":1}],"named":{"x":null},"at":"2026-01-01T00:00:00Z"}`, `{"any":[1e5,-0.25,"\ud800\u0041\/",{"a":{}},[[]]]}`,
		`{"count":01}`, `{"any":"\u00zz"}`, `{"any":1.}`, ` [1 , 2]`, `{"a":1,}`, "{\"any\":\"\xff\"}",
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var fault *guest.Fault
		for _, into := range []any{new(settings), new(bounded)} {
			if err := guest.DecodeSettings(doc, into); err != nil && !errors.As(err, &fault) {
				t.Errorf("%T is no Fault: %v", err, err)
			}
		}
		var got, want struct {
			Any any `json:"any"`
		}
		if len(doc) == 0 || bytes.Count(doc, []byte("["))+bytes.Count(doc, []byte("{")) > 90 {
			return // no settings; and nested deeper than a guest's stack is told to go
		}
		wrapped := append(append([]byte(`{"any":`), doc...), '}')
		err := guest.DecodeSettings(wrapped, &got)
		if ok := json.Valid(doc); ok != (err == nil) && !(ok && json.Unmarshal(wrapped, &want) != nil) {
			t.Fatalf("valid %t: %v", ok, err)
		}
		if err == nil && json.Unmarshal(wrapped, &want) == nil && !cmp.Equal(want, got) {
			t.Errorf("not what encoding/json reads:\n%s", cmp.Diff(want, got))
		}
	})
}
