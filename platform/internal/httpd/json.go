package httpd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// jsonDepth is how deep a document may nest.
const jsonDepth = 32

// bodyAs reads a request's JSON body into T.
func bodyAs[T any](r *request) (v T, err error) {
	if !jsonMedia(r.media) {
		return v, vigil.Errorf(vigil.Unsupported, "content_type_unsupported", "only JSON is taken here").Hinted("Content-Type: application/json")
	}
	return decode[T](r.body)
}

// jsonMedia reports whether a Content-Type says JSON, or nothing.
func jsonMedia(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return media == "" || media == "application/json"
}

// decode reads one JSON document into T, strictly: no unknown field, no key
// twice (nor twice but for its case), nothing behind the document.
func decode[T any](body []byte) (v T, err error) {
	if err := checkJSON(body); err != nil {
		return v, err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		return v, decodeError(err)
	}
	return v, nil
}

func decodeError(err error) error {
	var e *vigil.Error
	var typ *json.UnmarshalTypeError
	field, unknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &typ):
		wrong := vigil.Errorf(vigil.Invalid, "json_type", "want %s", jsonName(typ.Type.Kind())).Hinted("GET /openapi.json lists the fields")
		if typ.Field != "" {
			wrong = wrong.With("field", typ.Field)
		}
		return wrong
	case unknown:
		return vigil.Errorf(vigil.Invalid, "unknown_field", "a field is not known here").
			Hinted("GET /openapi.json lists the fields").With("field", clip(strings.Trim(field, `"`)))
	}
	return &vigil.Error{Kind: vigil.Invalid, Code: "json_invalid", Msg: "the body is not the JSON expected here", Err: err}
}

// jsonName names a type as someone who writes JSON knows it.
func jsonName(k reflect.Kind) string {
	switch k {
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	default:
		return "a number"
	}
}

// checkJSON refuses what decoders disagree about: duplicate keys, deep nests,
// text that is no UTF-8.
func checkJSON(body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return errEmpty()
	}
	if !utf8.Valid(body) {
		return vigil.Errorf(vigil.Invalid, "json_utf8", "the body is not UTF-8")
	}
	w := jsonWalk{dec: json.NewDecoder(bytes.NewReader(body))}
	w.dec.UseNumber()
	if err := w.value(0); err != nil {
		return err
	}
	if _, err := w.dec.Token(); !errors.Is(err, io.EOF) {
		return vigil.Errorf(vigil.Invalid, "json_invalid", "something follows the JSON document")
	}
	return nil
}

type jsonWalk struct{ dec *json.Decoder }

func (w *jsonWalk) next() (json.Token, error) {
	t, err := w.dec.Token()
	if err != nil {
		return nil, vigil.Errorf(vigil.Invalid, "json_invalid", "the body is not valid JSON").With("offset", w.dec.InputOffset())
	}
	return t, nil
}

func (w *jsonWalk) value(depth int) error {
	t, err := w.next()
	if err != nil {
		return err
	}
	if _, nested := t.(json.Delim); nested && depth >= jsonDepth {
		return vigil.Errorf(vigil.Invalid, "json_depth", "the body nests deeper than %d", jsonDepth)
	}
	switch t {
	case json.Delim('{'):
		return w.object(depth + 1)
	case json.Delim('['):
		for w.dec.More() {
			if err := w.value(depth + 1); err != nil {
				return err
			}
		}
		_, err = w.next()
	}
	return err
}

func (w *jsonWalk) object(depth int) error {
	seen := map[string]bool{}
	for w.dec.More() {
		t, err := w.next()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		folded := strings.ToLower(key)
		if seen[folded] {
			return vigil.Errorf(vigil.Invalid, "json_duplicate_key", "a key stands twice in one object").With("field", clip(key))
		}
		seen[folded] = true
		if err := w.value(depth); err != nil {
			return err
		}
	}
	_, err := w.next()
	return err
}

// clip bounds what an answer repeats of a key.
func clip(key string) string { return strings.ToValidUTF8(key[:min(len(key), 64)], "") }

func errEmpty() *vigil.Error {
	return vigil.Errorf(vigil.Invalid, "body_empty", "the body is empty").Hinted("GET /openapi.json says what belongs there")
}
