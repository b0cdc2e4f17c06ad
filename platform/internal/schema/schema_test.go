package schema_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/schema"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const bands = `{
	"type": "object", "additionalProperties": false, "required": ["unit"],
	"properties": {
		"unit": {"type": "string", "enum": ["s", "ms"], "description": "of the values"},
		"share": {"type": "number", "minimum": 0, "exclusiveMaximum": 1, "default": 0.5},
		"count": {"type": "integer", "exclusiveMinimum": 0, "maximum": 9},
		"name": {"type": "string", "minLength": 2, "maxLength": 3},
		"host": {"type": "string", "pattern": "^[a-z]+(-[0-9]+)?$"},
		"every": {"type": "string", "format": "duration"},
		"match": {"type": "string", "format": "regex"},
		"url": {"type": "string", "format": "uri"},
		"since": {"type": "string", "format": "date-time"},
		"bands": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "object", "additionalProperties": false, "properties": {"above": {"type": "number"}}}},
		"by": {"type": "object", "additionalProperties": {"type": ["number", "null"]}},
		"any": {}
	}
}`

func TestCheck_NamesThePathOfAMistake(t *testing.T) {
	t.Parallel()
	f := func(doc, reason, field, says string) {
		t.Helper()
		err := schema.Check([]byte(bands), []byte(doc))
		e := vigil.AsError(err)
		if e.Code != "settings_invalid" || e.Fields["reason"] != reason || e.Fields["field"] != field || !strings.Contains(e.Msg, says) {
			t.Errorf("Check(%s) = %v %v, want %s at %q with %q", doc, err, e.Fields, reason, field, says)
		}
	}
	f(`{"unit":"s"}}`, "settings_json", "", "not one valid")
	f(`[]`, "settings_type", "", "got array, want an object")
	f(`{"unit":"h"}`, "settings_invalid", "unit", "must be one of s, ms")
	f(``, "settings_invalid", "unit", "must be given")
	f(`null`, "settings_invalid", "unit", "must be given")
	f(`{"unit":null}`, "settings_invalid", "unit", "must be given")
	f(`{"Unit":"s","share":7}`, "settings_unknown_field", "Unit", "no such setting; known: any, bands")
	f(`{"unit":"s","share":-0.1}`, "settings_invalid", "share", "must be at least 0")
	f(`{"unit":"s","share":1}`, "settings_invalid", "share", "must be less than 1")
	f(`{"unit":"s","count":1.5}`, "settings_type", "count", "got number, want a whole number")
	f(`{"unit":"s","count":0}`, "settings_invalid", "count", "must be more than 0")
	f(`{"unit":"s","count":10}`, "settings_invalid", "count", "must be at most 9")
	f(`{"unit":"s","name":"é"}`, "settings_invalid", "name", "has 1 characters, must have at least 2")
	f(`{"unit":"s","name":"four"}`, "settings_invalid", "name", "must have at most 3")
	f(`{"unit":"s","host":"web_1"}`, "settings_invalid", "host", `"web_1" does not match the pattern ^[a-z]+(-[0-9]+)?$`)
	f(`{"unit":"s","host":""}`, "settings_invalid", "host", "does not match")
	f(`{"unit":"s","every":"soon"}`, "settings_invalid", "every", `"soon" is not a duration, for example 90s`)
	f(`{"unit":"s","every":"PT5M"}`, "settings_invalid", "every", "is not a duration")
	f(`{"unit":"s","every":5}`, "settings_type", "every", "got number, want a string")
	f(`{"unit":"s","match":"(a"}`, "settings_invalid", "match", "is not a regular expression")
	f(`{"unit":"s","url":"example.org"}`, "settings_invalid", "url", "is not a URL with a scheme")
	f(`{"unit":"s","since":"yesterday"}`, "settings_invalid", "since", "is not a time of RFC 3339")
	f(`{"unit":"s","bands":[]}`, "settings_invalid", "bands", "must have at least 1")
	f(`{"unit":"s","bands":[{"above":1},{"above":"x"}]}`, "settings_type", "bands[1].above", "got string, want a number")
	f(`{"unit":"s","bands":[{"abov":1}]}`, "settings_unknown_field", "bands[0].abov", "known: above")
	f(`{"unit":"s","by":{"web":true}}`, "settings_type", "by.web", "got boolean, want a number or null")
}

func TestCheck_TakesWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`{"unit":"s"}`, `{"unit":"s","host":"web-1","every":"1h30m","match":"^a+$","url":"https://example.org/x?y=1","since":"2026-01-02T03:04:05+01:00"}`,
		`{"unit":"s","every":"","url":""}`, `{"unit":"ms","share":null,"count":9,"name":"née","bands":[{}],"by":{"a":1,"b":null},"any":[{}]}`, `{"unit":"h","unit":"s"}`,
	} {
		if err := schema.Check([]byte(bands), []byte(doc)); err != nil {
			t.Errorf("Check(%s) = %v", doc, err)
		}
	}
	if err := schema.Check(nil, []byte(`{"what":"ever"}`)); err != nil {
		t.Errorf("without a schema: %v", err)
	}
}

func TestCheck_WantsOneOfSeveralAlternatives(t *testing.T) {
	t.Parallel()
	f := func(word, doc, field, says string) {
		t.Helper()
		err := schema.Check([]byte(`{"`+word+`":[{"required":["above"]},{"required":["below"]}]}`), []byte(doc))
		if says == "" && err == nil {
			return
		}
		if e := vigil.AsError(err); e.Fields["field"] != field || says == "" || !strings.Contains(e.Msg, says) {
			t.Errorf("%s of %s: %v at %v, want %q at %q", word, doc, err, e.Fields["field"], says, field)
		}
	}
	f("anyOf", `{}`, "above", "above: must be given; below: must be given")
	f("anyOf", `{"below":1,"above":2}`, "", "")
	f("oneOf", `{"below":1}`, "", "")
	f("oneOf", `{}`, "above", "must be given")
	f("oneOf", `{"below":1,"above":2}`, "", "fits 2 of 2 alternatives, must fit one")
}

func TestParse_RefusesWhatItWouldNotKeep(t *testing.T) {
	t.Parallel()
	f := func(doc, path, says string) {
		t.Helper()
		_, err := schema.Parse([]byte(doc))
		e := vigil.AsError(err)
		if e.Code != "module_schema" || e.Fields["path"] != path || !strings.Contains(e.Msg, says) {
			t.Errorf("Parse(%.80s) = %v at %v, want %q at %q", doc, err, e.Fields["path"], says, path)
		}
	}
	f(`{"properties":{"a":{"type":"array","uniqueItems":true}}}`, "a", `"uniqueItems" is no word that is checked; there are $schema, additionalProperties`)
	f(`{"properties":{"a":{"items":{"format":"email"}}}}`, "a", `"email" is no format that is checked; there are date-time, duration, regex, uri`)
	f(`{"properties":{"a":{"pattern":"(x"}}}`, "a", `pattern "(x" is no regular expression`)
	f(`{"properties":{"a":{"pattern":"(?=x)"}}}`, "a", `is no regular expression of RE2`)
	f(`{"properties":{"a":{"pattern":"`+strings.Repeat("x", 257)+`"}}}`, "a", "pattern has 257 bytes")
	f(`{"anyOf":[`+strings.TrimSuffix(strings.Repeat(`{"pattern":"x"},`, 33), ",")+`]}`, "alternative", "more than 32 patterns")
	f(`{"type":"text"}`, "", `"text" is no type`)
	f(`{"properties":{"a":{"type":7}}}`, "a", "want the name of a type")
	f(`{"properties":[]}`, "", "want an object of schemas")
	f(`{"properties":{"a":true}}`, "a", "want an object")
	f(`{"anyOf":{}}`, "", "want a list of schemas")
	f(`{"minimum":"0"}`, "", "want a number")
	f(`{"$schema":"http://json-schema.org/draft-07/schema#"}`, "", "2020-12")
	f(`[]`, "", "want an object")
	f(strings.Repeat(`{"properties":{"a":`, 20)+`{}`+strings.Repeat(`}}`, 20), strings.Repeat("a.", 16)+"a", "more than 16")
	if _, err := schema.Parse([]byte(`{"title":"` + strings.Repeat("x", 64<<10) + `"}`)); vigil.KindOf(err) != vigil.TooLarge {
		t.Errorf("a schema that is too large: %v", err)
	}
}

func TestRows_TellAllThatMayBeSaid(t *testing.T) {
	t.Parallel()
	s, err := schema.Parse([]byte(bands))
	if err != nil {
		t.Fatal(err)
	}
	want := []schema.Row{
		{"any", "anything", ""},
		{"bands", "array of object", ""},
		{"bands[].above", "number", ""},
		{"by", "object of number or null", ""},
		{"count", "integer, more than 0, at most 9", ""},
		{"every", "string, duration", ""},
		{"host", "string, matching ^[a-z]+(-[0-9]+)?$", ""},
		{"match", "string, regex", ""},
		{"name", "string", ""},
		{"share", "number, at least 0, less than 1, default 0.5", ""},
		{"since", "string, date-time", ""},
		{"unit", "string, one of s ms, required", "of the values"},
		{"url", "string, uri", ""},
	}
	if diff := cmp.Diff(want, s.Rows()); diff != "" {
		t.Error(diff)
	}
}

// module writes a module's source and returns its folder.
func module(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i, text := range files {
		if !strings.Contains(text, "package main") {
			text = "package main\n" + text
		}
		if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i))+".go"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const evaluate = `
type P struct{}
func (p *P) Evaluate(b policy.Batch, s Settings, out *policy.Decisions) {}
`

func fromGo(t *testing.T, files ...string) (string, error) {
	t.Helper()
	s, err := schema.FromGo(module(t, files...))
	if err != nil {
		return "", err
	}
	doc, err := json.Marshal(s["properties"])
	if err != nil {
		t.Fatal(err)
	}
	return string(doc), nil
}

func TestFromGo_ReadsTheStructThatSettingsAreDecodedInto(t *testing.T) {
	t.Parallel()
	got, err := fromGo(t, evaluate, `
type Settings struct {
	common
	Above  *float64 `+"`json:\"above\" doc:\"fire above this value\" min:\"0\" max:\"1\" default:\"0.8\"`"+`
	Unit   unit     `+"`json:\"unit,omitempty\" enum:\"s,ms\" default:\"s\"`"+`
	Bands  []band   `+"`json:\"bands\"`"+`
	By     map[string]int
	A, B   bool
	Every  vigil.Duration `+"`json:\"every\" default:\"5m\"`"+`
	Own    clock
	Host   string  `+"`json:\"host\" pattern:\"^[a-z]*$\"`"+`
	URL    *string `+"`json:\"url\" format:\"uri\"`"+`
	Raw    any
	hidden func()
	Gone   chan int `+"`json:\"-\"`"+`
}
type unit string
type common struct { Note string `+"`json:\"note\"`"+` }
type band = struct { Above uint16 `+"`json:\"above\"`"+` }
type clock int
func (c *clock) UnmarshalText(b []byte) error { return nil }
`, "//go:build !wasip1\n\npackage main\n\ntype Settings struct{}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"A":{"type":"boolean"},"B":{"type":"boolean"},"By":{"additionalProperties":{"type":"integer"},"type":"object"},"Own":{"type":"string"},"Raw":{},` +
		`"above":{"default":0.8,"description":"fire above this value","maximum":1,"minimum":0,"type":"number"},` +
		`"bands":{"items":{"additionalProperties":false,"properties":{"above":{"minimum":0,"type":"integer"}},"type":"object"},"type":"array"},` +
		`"every":{"default":"5m","format":"duration","type":"string"},"host":{"pattern":"^[a-z]*$","type":"string"},"note":{"type":"string"},"unit":{"default":"s","enum":["s","ms"],"type":"string"},"url":{"format":"uri","type":"string"}}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFromGo_KnowsAnActionsParametersAndWhatIsNoModule(t *testing.T) {
	t.Parallel()
	got, err := fromGo(t, `func (a A) Run(ctx action.Context, in vigil.ActionInput, _ struct{ N int }) vigil.ActionOutput { panic(0) }`)
	if err != nil || got != `{"N":{"type":"integer"}}` {
		t.Errorf("of an action: %s, %v", got, err)
	}
	if s, err := schema.FromGo(module(t, `func (a A) Run(ctx context.Context) {}`)); s != nil || err != nil {
		t.Errorf("of no module: %v, %v", s, err)
	}
}

func TestFromGo_RequiresWhatMustNotBeZero(t *testing.T) {
	t.Parallel()
	s, err := schema.FromGo(module(t, evaluate, "type Settings struct { N int `min:\"1\"`; U string `enum:\"a,b\"`; P *int `min:\"1\"`; H string `pattern:\"^[a-z]+$\"`; F string `format:\"uri\"`; D int `min:\"1\" default:\"2\"`; O struct { M int `max:\"-1\"` } }"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"H", "N", "O", "U"}, s["required"]); diff != "" {
		t.Error(diff)
	}
}

func TestFromGo_SaysWhatItCannotRead(t *testing.T) {
	t.Parallel()
	f := func(text, says string) {
		t.Helper()
		if got, err := fromGo(t, evaluate, text); vigil.CodeOf(err) != "module_settings" || !strings.Contains(err.Error(), says) {
			t.Errorf("FromGo(%s) = %s, %v, want %q", text, got, err, says)
		}
	}
	f(`type Settings struct { A other.T }`, "A: the build cannot tell what JSON a other.T is")
	f(`type Settings struct { A []Settings }`, "A: type Settings holds itself")
	f(`type Settings struct { A T }`, "A: type T is not declared")
	f(`type Settings struct { other.T }`, "cannot see what is embedded")
	f(`type Settings int`, "must be a struct")
	f("type Settings struct { A int `json:\",string\"` }", "option string")
	f("type Settings struct { A string `min:\"1\"` }", "A: tag min is for numbers")
	f("type Settings struct { A int `min:\"x\"` }", "A: tag min is for numbers")
	f("type Settings struct { A int `pattern:\"x\"` }", "A: tag pattern is for texts")
	f("type Settings struct { A string `pattern:\"(\"` }", `A: tag pattern: schema of settings: pattern "(" is no regular`)
	f("type Settings struct { A string `format:\"email\"` }", `"email" is no format that is checked`)
	f("type Settings struct { A string `format:\"uri\" default:\"x\"` }", `tag default of A: "x" is not a URL`)
	f("type Settings struct { A int `default:\"x\"` }", "tag default of A: got string")
	f("type Settings struct { A int `default:\"3\" max:\"2\"` }", "tag default of A: must be at most 2")
	f("type Settings struct { A []struct { B int `default:\"3\"` } }", "A.B: no default is filled in")
	f("type Settings struct{}\nfunc (p P) Run(c action.Context, in vigil.ActionInput, w P) (out vigil.ActionOutput) { return }", "registers one")
}

func TestJoin_LetsAnAuthorSayMore(t *testing.T) {
	t.Parallel()
	f := func(written, want, code string) {
		t.Helper()
		source := map[string]any{"type": "object", "properties": map[string]any{"a": map[string]any{"type": "number"}}}
		got, err := schema.Join(source, []byte(written))
		if string(got) != want || vigil.CodeOf(err) != code {
			t.Errorf("Join(%s) = %s, %v, want %s %s", written, got, err, want, code)
		}
	}
	f(``, `{"properties":{"a":{"type":"number"}},"type":"object"}`, "")
	f(`{"anyOf":[{"required":["a"]}]}`, `{"anyOf":[{"required":["a"]}],"properties":{"a":{"type":"number"}},"type":"object"}`, "")
	f(`{"properties":{"a":{"maximum":9007199254740993}}}`, `{"properties":{"a":{"maximum":9007199254740993}},"type":"object"}`, "")
	f(`{"properties":{"b":{}}}`, ``, "module_settings")
	f(`[]`, ``, "module_settings")
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(bands), []byte(`{"unit":"s","bands":[{"above":1}]}`))
	f.Add([]byte(`{"oneOf":[{"type":"null"},{"minimum":1}]}`), []byte(`null`))
	f.Fuzz(func(t *testing.T, doc, settings []byte) {
		s, err := schema.Parse(doc)
		if err != nil {
			if vigil.CodeOf(err) != "module_schema" {
				t.Errorf("Parse: %v (%s)", err, vigil.CodeOf(err))
			}
			return
		}
		s.Rows()
		var coded *vigil.Error
		if err := schema.Check(doc, settings); err != nil && (!errors.As(err, &coded) || coded.Code != "settings_invalid") {
			t.Errorf("Check: %v", err)
		}
	})
}
