package client

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// refusal reads a problem+json answer as the error it was made from, and an
// answer of the Prometheus API by its errorType.
func refusal(resp *http.Response, body []byte) error {
	e := &vigil.Error{Kind: kindOf(resp.StatusCode, ""), Code: "http_" + strconv.Itoa(resp.StatusCode), Msg: "the server answered " + resp.Status}
	var members map[string]any
	if json.Unmarshal(body, &members) == nil {
		take := func(name string, into *string) {
			if v, ok := members[name].(string); ok && v != "" {
				*into = v
			}
			delete(members, name)
		}
		take("errorType", &e.Code)
		take("error", &e.Msg)
		take("code", &e.Code)
		take("detail", &e.Msg)
		take("hint", &e.Hint)
		for _, standard := range []string{"type", "title", "status"} {
			delete(members, standard)
		}
		e.Fields = members
	}
	e.Kind = kindOf(resp.StatusCode, e.Code)
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		e = e.With("retry_after", s)
	}
	return e
}

func kindOf(status int, code string) vigil.Kind {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return vigil.Unauthorised
	case http.StatusNotFound:
		return vigil.NotFound
	case http.StatusConflict:
		if code == "held" {
			return vigil.Held
		}
		return vigil.Conflict
	case http.StatusRequestEntityTooLarge, http.StatusRequestHeaderFieldsTooLarge:
		return vigil.TooLarge
	case http.StatusUnsupportedMediaType:
		return vigil.Unsupported
	case http.StatusTooManyRequests:
		return vigil.Busy
	case http.StatusServiceUnavailable, http.StatusBadGateway:
		return vigil.Unavailable
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return vigil.Timeout
	}
	if status >= http.StatusInternalServerError {
		return vigil.Internal
	}
	return vigil.Invalid
}

// Retryable reports whether the same request may succeed later, and how long
// the server asked to wait; zero leaves it to the caller.
func Retryable(err error) (after time.Duration, ok bool) {
	e := vigil.AsError(err)
	switch e.Kind {
	case vigil.Busy, vigil.Timeout, vigil.Unavailable, vigil.Internal:
		s, _ := e.Fields["retry_after"].(int)
		return time.Duration(s) * time.Second, true
	default:
		return 0, false
	}
}
