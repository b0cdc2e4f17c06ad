package vigil

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Body is the content of an HTTP message. As JSON it is a string where it is
// text in UTF-8, and else {"base64": "…"}.
type Body []byte

// packed is how the JSON of a Body begins that is no text, and how it ends.
const packed, packedEnd = `{"base64":"`, `"}`

// MarshalJSON writes text as text, unless its escapes would take more room than
// its bytes in base64.
func (b Body) MarshalJSON() ([]byte, error) {
	if utf8.Valid(b) {
		if doc, err := json.Marshal(string(b)); err != nil || len(doc) <= len(b)*4/3+64 {
			return doc, err
		}
	}
	return append(base64.StdEncoding.AppendEncode([]byte(packed), b), packedEnd...), nil
}

// UnmarshalJSON reads what MarshalJSON wrote, and the same with other spaces. A
// large body is not handed to encoding/json again: each of its passes costs a
// guest thousands of units of fuel a byte.
func (b *Body) UnmarshalJSON(doc []byte) error {
	if len(doc) >= 2 && doc[0] == '"' && doc[len(doc)-1] == '"' {
		text, ok := unescape(doc[1 : len(doc)-1])
		*b = text
		if ok {
			return nil
		}
	}
	if inside, ok := bytes.CutPrefix(doc, []byte(packed)); ok {
		if inside, ok = bytes.CutSuffix(inside, []byte(packedEnd)); ok && bytes.IndexByte(inside, '\\') < 0 {
			raw, err := base64.StdEncoding.AppendDecode(nil, inside)
			*b = raw
			return err
		}
	}
	var e struct {
		Base64 *[]byte `json:"base64"`
	}
	if json.Unmarshal(doc, &e) != nil || e.Base64 == nil {
		return errors.New(`a body is text, or {"base64": "…"}`)
	}
	*b = *e.Base64
	return nil
}

// unescape reads what stands between the quotes of a JSON string that
// encoding/json has found to be one.
func unescape(s []byte) (text []byte, ok bool) {
	for {
		at := bytes.IndexByte(s, '\\')
		if at < 0 {
			return append(text, s...), true
		}
		text, s = append(text, s[:at]...), s[at+1:]
		if len(s) == 0 {
			return nil, false
		}
		if s[0] == 'u' {
			r, size := escaped(s)
			if size == 0 {
				return nil, false
			}
			text, s = utf8.AppendRune(text, r), s[size:]
			continue
		}
		which := bytes.IndexByte([]byte(`"\/bfnrt`), s[0])
		if which < 0 {
			return nil, false
		}
		text, s = append(text, "\"\\/\b\f\n\r\t"[which]), s[1:]
	}
}

// escaped reads uXXXX, or a pair uXXXX\uXXXX of surrogates, and returns the rune
// and how many bytes it took, 0 if it is none. A lone surrogate is U+FFFD.
func escaped(s []byte) (r rune, size int) {
	unit := func(s []byte) (rune, bool) {
		if len(s) < 5 || s[0] != 'u' {
			return 0, false
		}
		v, err := strconv.ParseUint(string(s[1:5]), 16, 16)
		return rune(v), err == nil
	}
	one, ok := unit(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(one) {
		return one, 5
	}
	if len(s) > 6 && s[5] == '\\' {
		if two, ok := unit(s[6:]); ok {
			if pair := utf16.DecodeRune(one, two); pair != utf8.RuneError {
				return pair, 11
			}
		}
	}
	return utf8.RuneError, 5
}
