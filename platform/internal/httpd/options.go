package httpd

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// Options is what a server needs. Every field but Tenants has a harmless
// default.
type Options struct {
	// Tenants finds what a tenant's requests reach.
	Tenants func(tenant string) (Tenant, bool)
	// Auth says who asks and whether they may. The default knows one
	// principal: local, for loopback requests without a credential.
	Auth Auth
	// Hosts are the names a request's Host may carry, without port. The
	// default is localhost and the loopback addresses; others are refused with
	// 421, so that a rebound DNS name reaches nothing.
	Hosts []string
	// YAML turns one YAML document into JSON, for policies. Without it only
	// JSON is accepted.
	YAML func(doc []byte) ([]byte, error)
	// Ready says why the process cannot serve yet; nil is ready.
	Ready func(ctx context.Context) error
	// Metrics renders the self-metrics.
	Metrics func() (contentType string, body []byte)
	// Spans takes the server's spans; it never blocks.
	Spans Spans

	Log     *slog.Logger
	Now     func() time.Time
	Version string
	TLS     *tls.Config // nil: plain HTTP
	Limits  Limits
}

// Limits bounds what the outside can make the server hold. Zero fields take
// their defaults.
type Limits struct {
	Conns       int           // open connections; 4096
	ConnsPerIP  int           // open connections of one address, loopback excepted; 256
	IngestBody  int64         // bytes on the wire; 4 MiB
	IngestPlain int64         // bytes once inflated; 16 MiB
	ModuleBody  int64         // bytes; 16 MiB
	Body        int64         // bytes of every other body; 1 MiB
	Held        int64         // bytes of ingest and module bodies held at once; 256 MiB
	Read        time.Duration // a request's header and body must arrive in this time; 10 s
	Write       time.Duration // an answer must be taken in this time; 30 s
	Idle        time.Duration // a connection may wait this long for its next request; 75 s
	Handle      time.Duration // a handler that is not a long poll; 30 s
	Poll        time.Duration // the longest long poll; 60 s
	Drain       time.Duration // requests under way when the server stops; 5 s
}

// Auth says who sent a request and whether they may take a route. Routes are
// named by id (see Routes), never by path.
type Auth interface {
	Principal(ctx context.Context, c Credential) (flow.Principal, error)
	Allow(ctx context.Context, p flow.Principal, route string) error
}

// Credential is what a request shows of its sender. Remote is the address of
// the connection; forwarding headers never change it.
type Credential struct {
	Token  string // of "Authorization: Bearer …"; "" if there was none
	Remote netip.Addr
}

// Spans takes finished spans and never blocks.
type Spans interface {
	Emit(spans ...flow.Span)
}

func (o Options) withDefaults() Options {
	if o.Auth == nil {
		o.Auth = localOnly{}
	}
	if len(o.Hosts) == 0 {
		o.Hosts = []string{"localhost", "127.0.0.1", "::1"}
	}
	if o.Ready == nil {
		o.Ready = func(context.Context) error { return nil }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	o.Limits = o.Limits.withDefaults()
	return o
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Conns:       or(l.Conns, 4096),
		ConnsPerIP:  or(l.ConnsPerIP, 256),
		IngestBody:  or(l.IngestBody, 4<<20),
		IngestPlain: or(l.IngestPlain, 16<<20),
		ModuleBody:  or(l.ModuleBody, 16<<20),
		Body:        or(l.Body, 1<<20),
		Held:        or(l.Held, 256<<20),
		Read:        or(l.Read, 10*time.Second),
		Write:       or(l.Write, 30*time.Second),
		Idle:        or(l.Idle, 75*time.Second),
		Handle:      or(l.Handle, 30*time.Second),
		Poll:        or(l.Poll, time.Minute),
		Drain:       or(l.Drain, 5*time.Second),
	}
}

// or is v, or the default if v is zero.
func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
