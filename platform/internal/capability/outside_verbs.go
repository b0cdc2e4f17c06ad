package capability

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/techmedaddy/vigil/platform/internal/capability/command"
	"github.com/techmedaddy/vigil/platform/internal/capability/egress"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// keptOutput is how much of a command's output a transcript keeps, in bytes.
const keptOutput = 2 << 10

// httpVerb is http.request. Each request counts as an effect, a GET too: what it
// does is the endpoint's to know.
func httpVerb(endpoints *egress.Endpoints) Verb {
	return func(request []byte) (Deed, error) {
		ask, err := DecodeRequest[vigil.HTTPRequest](request, `{"endpoint": NAME, "method": "POST", "path": "/x", "body": "…"}`)
		if err != nil {
			return Deed{}, err
		}
		if !egress.ValidName(ask.Endpoint) {
			return Deed{}, vigil.Errorf(vigil.Invalid, "request_invalid", "%.200q is no endpoint's name", ask.Endpoint)
		}
		return Deed{
			Target: "endpoint:" + ask.Endpoint, Request: sentLine(ask), Effect: true, DryRun: ask.DryRun,
			Do: func(ctx context.Context, may ...func() error) (Answer, error) {
				reply, err := endpoints.Do(ctx, ask, may...)
				if err != nil {
					return Answer{}, err
				}
				return Answer{Data: reply, Kept: answered{reply.Status, len(reply.Body), sum(reply.Body), reply.DryRun}}, nil
			},
		}, nil
	}
}

// sent is what a transcript keeps of a request: where it went, and of what the
// module chose neither the body nor the values of headers.
type sent struct {
	Endpoint string              `json:"endpoint"`
	Method   string              `json:"method"`
	Path     string              `json:"path,omitempty"`
	Query    map[string][]string `json:"query,omitempty"`
	Headers  []string            `json:"headers,omitempty"` // names
	Bytes    int                 `json:"bytes,omitempty"`   // of the body
	Body     string              `json:"body,omitempty"`    // its digest, sha256:…
	DryRun   bool                `json:"dry_run,omitempty"`
}

func sentLine(ask vigil.HTTPRequest) sent {
	return sent{
		Endpoint: ask.Endpoint, Method: cmp.Or(ask.Method, "GET"), Path: ask.Path, Query: ask.Query,
		Headers: slices.Sorted(maps.Keys(ask.Header)), Bytes: len(ask.Body), Body: sum(ask.Body), DryRun: ask.DryRun,
	}
}

// answered is what a transcript keeps of a reply; bodies may hold what is
// nobody's business.
type answered struct {
	Status int    `json:"status"`
	Bytes  int    `json:"bytes"`
	Body   string `json:"body,omitempty"` // its digest, sha256:…
	DryRun bool   `json:"dry_run,omitempty"`
}

func sum(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	digest := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(digest[:])
}

// commandVerb is command.run.
func commandVerb(commands *command.Commands) Verb {
	return func(request []byte) (Deed, error) {
		ask, err := DecodeRequest[vigil.CommandRequest](request, `{"command": NAME, "args": {"dir": "/x"}}`)
		if err != nil {
			return Deed{}, err
		}
		if !command.ValidName(ask.Command) {
			return Deed{}, vigil.Errorf(vigil.Invalid, "request_invalid", "%.200q is no command's name", ask.Command)
		}
		return Deed{
			Target: "command:" + ask.Command, Request: ask, Effect: true, DryRun: ask.DryRun,
			Do: func(ctx context.Context, may ...func() error) (Answer, error) {
				reply, err := commands.Run(ctx, ask, may...)
				if reply.Digest == "" { // nothing was run
					return Answer{}, err
				}
				kept := reply
				if len(kept.Output) > keptOutput {
					kept.Output, kept.Cut = bounded(kept.Output, keptOutput), true
				}
				return Answer{Data: reply, Kept: kept}, err
			},
		}, nil
	}
}
