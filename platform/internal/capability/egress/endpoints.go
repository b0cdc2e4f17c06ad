package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/techmedaddy/vigil/platform/internal/capability/secret"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// MaxReply is how many bytes of body a response may have.
const MaxReply = 1 << 20

// Endpoints are the endpoints that this host's modules may be granted.
type Endpoints struct {
	byName map[string]*endpoint // never changed
}

// New checks every configuration. Names are resolved by resolver; nil means the
// host's own. Nothing is connected to yet.
func New(configs map[string]Config, resolver *net.Resolver) (*Endpoints, error) {
	all := &Endpoints{byName: make(map[string]*endpoint, len(configs))}
	for name, c := range configs {
		if err := c.Check(name); err != nil {
			return nil, err
		}
		e, err := newEndpoint(name, c, resolver)
		if err != nil {
			return nil, err
		}
		all.byName[name] = e
	}
	return all, nil
}

func (s *Endpoints) named(name string) (*endpoint, error) {
	if e, ok := s.byName[name]; ok {
		return e, nil
	}
	known := strings.Join(slices.Sorted(maps.Keys(s.byName)), ", ")
	if known == "" {
		known = "none"
	}
	return nil, vigil.Errorf(vigil.NotFound, "endpoint_unknown", "no endpoint %q; have: %s", name, known)
}

// Do sends one request and returns the reply, whatever its status. may is asked
// when all that Vigil itself can refuse has been looked at, right before the
// request leaves; its error keeps it here. A dry run ends there, without it.
func (s *Endpoints) Do(ctx context.Context, ask vigil.HTTPRequest, may ...func() error) (vigil.HTTPReply, error) {
	e, err := s.named(ask.Endpoint)
	if err != nil {
		return vigil.HTTPReply{}, err
	}
	if ask.Method == "" {
		ask.Method = http.MethodGet
	}
	within, cancel := context.WithTimeout(ctx, e.c.Timeout.D())
	defer cancel()
	req, err := e.request(within, ask)
	if err != nil {
		return vigil.HTTPReply{}, err
	}
	secrets, err := e.credentials(req.Header)
	if err != nil {
		return vigil.HTTPReply{}, err
	}
	if ask.DryRun {
		return vigil.HTTPReply{DryRun: true}, nil
	}
	for _, asked := range may {
		if err := asked(); err != nil {
			return vigil.HTTPReply{}, err
		}
	}
	reply, err := e.send(req)
	if err != nil {
		return vigil.HTTPReply{}, e.explain(within, err)
	}
	reply.Body = secret.Redact(reply.Body, secrets)
	for name, value := range reply.Header {
		reply.Header[name] = string(secret.Redact([]byte(value), secrets))
	}
	return reply, nil
}

// Secrets are the secrets of all endpoints as they are now, for whoever must
// not let one out. What cannot be read is none.
func (s *Endpoints) Secrets() []string {
	var all []string
	for _, e := range s.byName {
		secrets, _ := e.credentials(http.Header{}) // an error is told to whoever asks for this endpoint
		all = append(all, secrets...)
	}
	return all
}

// send is one round trip on a connection of its own. The transport is asked
// directly, without a client: that would follow redirects.
func (e *endpoint) send(req *http.Request) (vigil.HTTPReply, error) {
	res, err := e.transport.RoundTrip(req)
	if err != nil {
		return vigil.HTTPReply{}, err
	}
	defer res.Body.Close()
	tooLarge := vigil.Errorf(vigil.TooLarge, "http_response_too_large", "endpoint %s: the response has more than %d bytes", e.name, MaxReply)
	if res.ContentLength > MaxReply && req.Method != http.MethodHead {
		return vigil.HTTPReply{}, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxReply+1))
	if err != nil {
		return vigil.HTTPReply{}, fmt.Errorf("read response: %w", err)
	}
	if len(body) > MaxReply {
		return vigil.HTTPReply{}, tooLarge
	}
	return vigil.HTTPReply{Status: res.StatusCode, Header: told(res.Header), Body: body}, nil
}

// told is the header of a response as a guest sees it: without what would let
// it speak for the host elsewhere.
func told(h http.Header) map[string]string {
	out := map[string]string{}
	for name, values := range h {
		if framing(name) || name == "Set-Cookie" || name == "Www-Authenticate" || name == "Proxy-Authenticate" {
			continue
		}
		out[name] = strings.ToValidUTF8(strings.Join(values, ", "), "?")
	}
	return out
}

// explain gives an error of the network a code.
func (e *endpoint) explain(ctx context.Context, err error) error {
	if coded, ok := errors.AsType[*vigil.Error](err); ok {
		return coded
	}
	if ctx.Err() != nil {
		return vigil.Errorf(vigil.Timeout, "http_timeout", "endpoint %s: no whole response within %s", e.name, e.c.Timeout)
	}
	return vigil.Errorf(vigil.Unavailable, "http_failed", "endpoint %s: %.200v", e.name, err)
}
