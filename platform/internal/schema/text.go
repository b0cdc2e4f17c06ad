package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Bounds of the patterns of one schema: each may cost as much memory as a few
// hundred times its length.
const (
	maxPatterns = 32
	maxPattern  = 256 // bytes
)

// formats are the words of format that are checked, with what each wants for
// people. A duration is one as Vigil writes them, not one of ISO 8601.
func formats() map[string]format {
	return map[string]format{
		"duration": {"a duration, for example 90s or 5m", func(s string) bool {
			var d vigil.Duration
			return d.UnmarshalText([]byte(s)) == nil
		}},
		"regex": {"a regular expression (RE2)", func(s string) bool {
			_, err := regexp.Compile(s)
			return err == nil
		}},
		"uri": {"a URL with a scheme and a host, for example https://example.org/x", func(s string) bool {
			u, err := url.Parse(s)
			return err == nil && u.Scheme != "" && u.Host != ""
		}},
		"date-time": {"a time of RFC 3339, for example 2006-01-02T15:04:05Z", func(s string) bool {
			_, err := time.Parse(time.RFC3339, s)
			return err == nil
		}},
	}
}

type format struct {
	wants string
	holds func(string) bool
}

func readPattern(s *Schema, raw json.RawMessage, p place) (err error) {
	var text string
	if err := p.read(raw, &text, "a text"); err != nil {
		return err
	}
	if len(text) > maxPattern {
		return p.refuse("pattern has %d bytes, at most %d", len(text), maxPattern)
	}
	if *p.patterns++; *p.patterns > maxPatterns {
		return p.refuse("more than %d patterns", maxPatterns)
	}
	if s.Pattern, err = regexp.Compile(text); err != nil {
		return p.refuse("pattern %q is no regular expression of RE2", text)
	}
	return nil
}

func readFormat(s *Schema, raw json.RawMessage, p place) error {
	if err := p.read(raw, &s.Format, "a text"); err != nil {
		return err
	}
	if _, known := formats()[s.Format]; !known {
		return p.refuse("%.64q is no format that is checked; there are %s", s.Format, strings.Join(slices.Sorted(maps.Keys(formats())), ", "))
	}
	return nil
}

// checkText holds a text against its limits. An empty one has no format: it is
// what a guest sees of one that is not given.
func (s *Schema) checkText(v string, invalid refusal) *Mistake {
	if m := bounds(float64(utf8.RuneCountInString(v)), s.MinLength, s.MaxLength, "characters", invalid); m != nil {
		return m
	}
	if s.Pattern != nil && !s.Pattern.MatchString(v) {
		return invalid("%s does not match the pattern %s", quoted(v), s.Pattern)
	}
	if f, ok := formats()[s.Format]; ok && v != "" && !f.holds(v) {
		return invalid("%s is not %s", quoted(v), f.wants)
	}
	return nil
}

// quoted is the beginning of a text, for a message.
func quoted(v string) string { return fmt.Sprintf("%.64q", v) }
