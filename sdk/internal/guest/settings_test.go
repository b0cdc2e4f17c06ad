package guest_test

import (
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
	f(`{"bands":[{"above":"x"}]}`, "settings_type", "bands.above")
	f(`{"bands":{}}`, "settings_type", "bands")
	f(`[]`, "settings_type", "")
	f(`{"count":1.5}`, "settings_type", "count")
	f(`{"at":"noon"}`, "settings_invalid", "")
	f(`{"count":1}x`, "settings_json", "")
	f(`{"count":13}`, "settings_invalid", "")
	f(`{"count":14}`, "settings_invalid", "count")
}

func TestDecodeSettings_ReadsWhatIsRight(t *testing.T) {
	t.Parallel()
	var got settings
	doc := `{"unit":"s","note":"n","bands":[{"above":1}],"named":{"x":{"above":2}},"count":3,"Plain":true}`
	if err := guest.DecodeSettings([]byte(doc), &got); err != nil {
		t.Fatal(err)
	}
	want := settings{
		common: common{Unit: "s"}, Exported: Exported{Note: "n"}, Count: 3, Plain: true,
		Bands: []band{{Above: 1}}, Named: map[string]*band{"x": {Above: 2}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{})); diff != "" {
		t.Error(diff)
	}
	if err := guest.DecodeSettings(nil, &got); err != nil {
		t.Errorf("no settings at all: %v", err)
	}
}

func FuzzDecodeSettings(f *testing.F) {
	f.Add([]byte(`{"bands":[{"above":1}],"named":{"x":null},"at":"2026-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var fault *guest.Fault
		if err := guest.DecodeSettings(doc, new(settings)); err != nil && !errors.As(err, &fault) {
			t.Errorf("%T is no Fault: %v", err, err)
		}
	})
}
