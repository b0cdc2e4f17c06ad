package egress

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/techmedaddy/vigil/platform/internal/capability/secret"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxReplyHeader bounds the header of a response, in bytes.
const maxReplyHeader = 64 << 10

// endpoint is one endpoint with a transport of its own.
type endpoint struct {
	name          string
	c             Config
	base          url.URL
	secretHeaders map[string]string // canonical name to the file of its value
	transport     *http.Transport
}

func newEndpoint(name string, c Config, resolver *net.Resolver) (*endpoint, error) {
	c = c.withDefaults()
	base, err := url.Parse(c.URL)
	if err != nil {
		return nil, vigil.Errorf(vigil.Invalid, "endpoint_invalid", "endpoint %s: url: cannot be parsed", name)
	}
	roots, err := Roots(c.CAFile)
	if err != nil {
		return nil, err
	}
	e := &endpoint{name: name, c: c, base: *base, secretHeaders: map[string]string{}}
	for h, file := range c.HeaderFiles {
		e.secretHeaders[textproto.CanonicalMIMEHeaderKey(h)] = file
	}
	e.transport = Transport(Gate{Name: "endpoint " + name, AllowPrivate: c.AllowPrivate, Resolver: resolver}, roots)
	return e, nil
}

// credentials puts the endpoint's own headers in and returns every secret that
// must not come back, in each form that it has now.
func (e *endpoint) credentials(h http.Header) (secrets []string, err error) {
	for name, file := range e.secretHeaders {
		s, err := secret.Read(file)
		if err != nil {
			return nil, err
		}
		h.Set(name, s)
		secrets = append(secrets, s)
	}
	if e.c.BearerTokenFile != "" {
		s, err := secret.Read(e.c.BearerTokenFile)
		if err != nil {
			return nil, err
		}
		h.Set("Authorization", "Bearer "+s)
		secrets = append(secrets, s)
	}
	if e.c.Basic.User != "" {
		s, err := secret.Read(e.c.Basic.PasswordFile)
		if err != nil {
			return nil, err
		}
		pair := base64.StdEncoding.EncodeToString([]byte(e.c.Basic.User + ":" + s))
		h.Set("Authorization", "Basic "+pair)
		secrets = append(secrets, s, pair)
	}
	return secrets, nil
}

// request makes what will be sent, but for the credential: every rule that a
// guest could break is held against it here.
func (e *endpoint) request(ctx context.Context, ask vigil.HTTPRequest) (*http.Request, error) {
	to, err := e.target(ask)
	if err != nil {
		return nil, err
	}
	header, err := e.header(ask)
	if err != nil {
		return nil, err
	}
	if len(ask.Body) > 0 && (ask.Method == http.MethodGet || ask.Method == http.MethodHead) {
		return nil, vigil.Errorf(vigil.Invalid, "request_invalid", "a %s has no body", ask.Method)
	}
	req, err := http.NewRequestWithContext(ctx, ask.Method, to.String(), strings.NewReader(string(ask.Body)))
	if err != nil {
		return nil, vigil.Errorf(vigil.Invalid, "request_invalid", "the request cannot be made: %.200v", err)
	}
	if len(ask.Body) == 0 {
		req.Body, req.GetBody = http.NoBody, nil
	}
	req.Header = header
	return req, nil
}
