package capability

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Verb is one capability as the broker knows it: it reads a request of a guest
// and says what that would be. It refuses what is not well formed (Invalid) and
// does nothing yet.
type Verb func(request []byte) (Deed, error)

// Deed is what one host call asks for.
type Deed struct {
	Target  string // what a grant must name, without a host, for example endpoint:billing
	Request any    // what the transcript keeps of the request; all of it was checked
	Treats  bool   // Target must be what the lease is to treat
	Effect  bool   // needs the lease and a use of the grant's budget; false only looks
	DryRun  bool   // Do has no effect; grant, lease and budget are held against it all the same
	// Do carries the deed out and asks may right before its effect: an error of
	// one of them is the answer, and nothing is done. Beside an error, what the
	// answer keeps is for the transcript alone.
	Do func(ctx context.Context, may ...func() error) (Answer, error)
}

// Answer is what a deed gives back.
type Answer struct {
	Data any // for the guest
	Kept any // for the transcript; nil means Data
}

// encode renders both sides of an answer.
func (a Answer) encode() (data, kept json.RawMessage, err error) {
	if data, err = json.Marshal(a.Data); err != nil || a.Kept == nil {
		return data, data, err
	}
	kept, err = json.Marshal(a.Kept)
	return data, kept, err
}

// MaxRequest bounds a request, in bytes: 64 KiB of a value in base64, and the
// rest around it.
const MaxRequest = 96 << 10

// DecodeRequest reads one JSON document of type R and nothing after it; like
// shows a guest's author what it looks like.
func DecodeRequest[R any](b []byte, like string) (r R, err error) {
	bad := func(format string, args ...any) (R, error) {
		var none R
		return none, vigil.Errorf(vigil.Invalid, "request_invalid", format, args...)
	}
	if len(b) > MaxRequest {
		return bad("request of %d bytes is over %d", len(b), MaxRequest)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return bad("request is not like %s: %.200v", like, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return bad("request has something after its end")
	}
	return r, nil
}
