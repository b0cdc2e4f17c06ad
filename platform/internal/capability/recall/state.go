package recall

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/techmedaddy/vigil/platform/internal/capability"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The bounds of a module's memory. The dictionary tells them to authors, at
// vigil.StateRequest.
const (
	maxKey    = 256      // bytes
	maxValue  = 64 << 10 // bytes
	maxKeys   = 1_000
	maxSpace  = 1 << 20 // bytes of keys and values of one module
	maxTenant = 64 << 20
	turnTime  = 50 * time.Millisecond // of waiting for another shard's evaluation, if nothing else is said
)

// readState decodes and checks a request.
func readState(b []byte) (vigil.StateRequest, error) {
	ask, err := capability.DecodeRequest[vigil.StateRequest](b, `{"do": "set", "key": "seen", "value": BASE64}`)
	if err != nil {
		return ask, err
	}
	switch ask.Do {
	case vigil.StateSet:
	case vigil.StateGet, vigil.StateDelete, vigil.StateList:
		if ask.Value != nil {
			return ask, invalid("only set takes a value")
		}
	default:
		return ask, invalid("do: %.40q is none of get, set, delete and list", ask.Do)
	}
	switch {
	case ask.Key == "" && ask.Do != vigil.StateList:
		return ask, invalid("key: missing")
	case len(ask.Key) > maxKey:
		return ask, quota("a key of %d bytes; at most %d", len(ask.Key), maxKey)
	case !utf8.ValidString(ask.Key) || strings.ContainsFunc(ask.Key, unicode.IsControl):
		return ask, invalid("key: want text without control characters")
	case len(ask.Value) > maxValue:
		return ask, quota("a value of %d bytes; at most %d", len(ask.Value), maxValue)
	}
	return ask, nil
}

func invalid(format string, args ...any) error {
	return vigil.Errorf(vigil.Invalid, "request_invalid", "state: "+format, args...)
}

func quota(format string, args ...any) error {
	return vigil.Errorf(vigil.TooLarge, "state_quota", "state: "+format, args...)
}

// do carries out one request within a visit.
func (v *visit) do(ask vigil.StateRequest) (vigil.StateReply, error) {
	switch ask.Do {
	case vigil.StateGet:
		value, found := v.get(ask.Key)
		return vigil.StateReply{Found: found, Value: value}, nil
	case vigil.StateSet:
		return vigil.StateReply{}, v.set(ask.Key, ask.Value)
	case vigil.StateDelete:
		return vigil.StateReply{Found: v.remove(ask.Key)}, nil
	}
	return vigil.StateReply{Keys: v.keys(ask.Key)}, nil
}

// enter opens a visit to a module's memory, once no other has one.
func (r *Recall) enter(ctx context.Context, space string) (*visit, error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Turn)
	defer cancel()
	v, err := r.memory.enter(ctx, space)
	if err != nil && ctx.Err() != nil {
		return nil, vigil.Errorf(vigil.Busy, "state_busy", "another evaluation had the module's state for %s", r.o.Turn)
	}
	return v, err
}
