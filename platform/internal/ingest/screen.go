package ingest

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// sample is what a protocol's decoder found, before it is screened. Its name
// and labels are valid UTF-8 and its value is finite.
type sample struct {
	name    string
	labels  vigil.Labels
	crowded bool // it has more labels than are admitted, and not all are here
	value   float64
	at      time.Time
}

// screen admits samples one by one. Only trouble of the store itself is an
// error; series are interned last, so that a sample refused for another
// reason never takes the place of a series.
func (in *Ingest) screen(samples []sample, now time.Time) ([]row, flow.Receipt, error) {
	rows := make([]row, 0, len(samples))
	var receipt flow.Receipt
	for i := range samples {
		s := &samples[i]
		field, code := in.opts.Limits.check(s, now)
		if code == "" {
			id, meta, err := in.opts.Store.Intern(s.name, s.labels)
			if err == nil {
				rows = append(rows, row{id: id, meta: meta, t: s.at.UnixNano(), v: s.value})
				continue
			}
			if field, code = "labels", vigil.CodeOf(err); code != "series_limit" {
				return nil, receipt, fmt.Errorf("name the series of sample %d: %w", i, err)
			}
		}
		receipt.Rejected = append(receipt.Rejected, flow.Rejection{Index: i, Field: field, Code: code})
	}
	receipt.Accepted = len(rows)
	return rows, receipt, nil
}

// check returns the field and the code of the first thing that makes a sample
// inadmissible, or an empty code.
func (l Limits) check(s *sample, now time.Time) (field, code string) {
	switch {
	case s.at.Before(now.Add(-l.MaxAge)):
		return "ts", "sample_too_old"
	case s.at.After(now.Add(l.MaxAhead)):
		return "ts", "sample_too_new"
	case len(s.name) > l.NameBytes:
		return "name", "name_limit"
	case !validName(s.name, true):
		return "name", "name_invalid"
	case s.crowded || len(s.labels) > l.Labels:
		return "labels", "label_limit"
	}
	for k, v := range s.labels {
		if code := l.checkLabel(k, v); code != "" {
			return "labels", code
		}
	}
	return "", ""
}

func (l Limits) checkLabel(name, value string) string {
	switch {
	case len(name) > l.NameBytes || len(value) > l.ValueBytes:
		return "label_limit"
	case !validName(name, false) || strings.HasPrefix(name, "__"):
		return "label_name_invalid"
	case strings.ContainsRune(value, 0):
		return "label_invalid_utf8"
	case strings.ContainsFunc(value, unicode.IsControl):
		return "label_invalid"
	}
	return ""
}

// validName reports whether s is a letter or underscore and then letters,
// digits and the signs that other systems put into names. No sign can end a
// line, open a tag or quote anything. Colons are for metrics only.
func validName(s string, metric bool) bool {
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', metric && c == ':':
		case i > 0 && (c >= '0' && c <= '9' || c == '.' || c == '-' || c == '/'):
		default:
			return false
		}
	}
	return s != ""
}

// refusal is the error of a request of which nothing was admitted. When all
// samples have the same fault its code is the error's.
func refusal(rejected []flow.Rejection) error {
	code := rejected[0].Code
	for _, r := range rejected {
		if r.Code != code {
			code = "samples_rejected"
		}
	}
	kind := vigil.Invalid
	if code == "series_limit" {
		kind = vigil.Busy
	}
	return vigil.Errorf(kind, code, "none of %d samples was admitted", len(rejected)).
		With("index", rejected[0].Index).
		With("field", rejected[0].Field).
		With("rejected", rejected).
		Hinted("%s", advice(code))
}

func advice(code string) string {
	switch code {
	case "sample_too_old", "sample_too_new":
		return "A sample may be an hour old and ten minutes ahead; leave ts out for the time of receipt, or check the sender's clock."
	case "series_limit":
		return "Drop a label whose values never repeat; samples of known series are still accepted."
	case "name_invalid", "label_name_invalid":
		return "A name is a letter or underscore, then letters, digits, underscore, dot, dash and slash."
	case "name_limit", "label_limit":
		return "Send fewer or shorter labels."
	}
	return "Each entry of rejected names a sample's index, field and code."
}
