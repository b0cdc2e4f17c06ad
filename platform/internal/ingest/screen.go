package ingest

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// check returns the first thing that makes the series inadmissible, which is
// new and has its labels in order. One that the store knows passed it once.
func (b *builder) check(name []byte) fault {
	switch {
	case len(name) == 0:
		return fault{"name", "sample_name_missing"}
	case len(name) > b.limits.NameBytes:
		return fault{"name", "name_limit"}
	case !validName(name, true):
		return fault{"name", "name_invalid"}
	}
	for i, l := range b.labels {
		if code := b.limits.checkLabel(b.nameOf(l), b.valueOf(l)); code != "" {
			return fault{"labels", code}
		}
		if i > 0 && bytes.Equal(b.nameOf(b.labels[i-1]), b.nameOf(l)) {
			return fault{"labels", "label_duplicate"}
		}
	}
	return fault{}
}

func (l Limits) checkLabel(name, value []byte) string {
	switch {
	case len(name) > l.NameBytes || len(value) > l.ValueBytes:
		return "label_limit"
	case !utf8.Valid(name) || !utf8.Valid(value) || bytes.IndexByte(value, 0) >= 0:
		return "label_invalid_utf8"
	case !validName(name, false) || bytes.HasPrefix(name, []byte("__")):
		return "label_name_invalid"
	case bytes.ContainsFunc(value, unicode.IsControl):
		return "label_invalid"
	}
	return ""
}

// validName reports whether s is a letter or underscore and then letters,
// digits and the signs that other systems put into names. No sign can end a
// line, open a tag or quote anything. Colons are for metrics only.
func validName(s []byte, metric bool) bool {
	for i, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', metric && c == ':':
		case i > 0 && (c >= '0' && c <= '9' || c == '.' || c == '-' || c == '/'):
		default:
			return false
		}
	}
	return len(s) > 0
}

// refusal is the error of a request of which nothing was admitted. When all
// items have the same fault its code is the error's.
func refusal(r flow.Receipt) error {
	first := r.Rejected[0]
	code := first.Code
	for _, one := range r.Rejected {
		if one.Code != code {
			code = "samples_rejected"
		}
	}
	kind := vigil.Invalid
	if code == "series_limit" {
		kind = vigil.Busy
	}
	return vigil.Errorf(kind, code, "none of %d samples was admitted; the first has index %d, and is refused for its %s: %s", r.Refused, first.Index, first.Field, first.Code).
		With("index", first.Index).
		With("field", first.Field).
		With("rejected", r.Rejected).
		Hinted("%s", advice(code))
}

func advice(code string) string {
	switch code {
	case "sample_too_old", "sample_too_new":
		return "A sample may be an hour old, or 15 days where the collector was started with --allow-backfill, and ten minutes ahead; leave ts out for the time of receipt, or check the sender's clock."
	case "series_limit":
		return "Drop a label whose values never repeat, or raise storage.max_series; samples of known series are still accepted."
	case "name_invalid", "label_name_invalid":
		return "A name is a letter or underscore, then letters, digits, underscore, dot, dash and slash."
	case "name_limit", "label_limit":
		return "Send fewer or shorter labels."
	case "native_histogram_unsupported", "exponential_histogram_unsupported":
		return "Send a classic histogram, with explicit buckets."
	}
	return "Each entry of rejected names a sample's index, field and code."
}
