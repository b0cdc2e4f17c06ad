package flow

import "unicode/utf8"

// AppendKeyJSON appends the key of a series whose labels are a JSON object as the
// standard library writes one: names in order, nothing between. ok is false for
// any other text, also for one that needs a reader of JSON, as it has escapes.
func AppendKeyJSON(key []byte, name, labels string) (_ []byte, ok bool) {
	key = AppendKeyPart(key, name)
	if labels == "{}" {
		return key, true
	}
	if len(labels) < 2 || labels[0] != '{' {
		return key, false
	}
	last := ""
	for first := true; ; first = false {
		var label, value string
		if label, labels, ok = cutText(labels[1:], ':'); !ok || !first && label <= last {
			return key, false
		}
		if value, labels, ok = cutText(labels[1:], 0); !ok {
			return key, false
		}
		key = AppendKeyPart(AppendKeyPart(key, label), value)
		last = label
		switch {
		case labels == "}":
			return key, true
		case labels[0] != ',':
			return key, false
		}
	}
}

// cutText reads a JSON string that means its own bytes, and leaves what follows
// it, which begins with then unless that is 0.
func cutText(s string, then byte) (text, rest string, ok bool) {
	if len(s) == 0 || s[0] != '"' {
		return "", "", false
	}
	ascii := true
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			text, rest = s[1:i], s[i+1:]
			return text, rest, rest != "" && (then == 0 || rest[0] == then) && (ascii || utf8.ValidString(text))
		case c == '\\' || c < ' ':
			return "", "", false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", "", false
}
