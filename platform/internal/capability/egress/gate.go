package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Gate judges the address of every connection when it is dialled, whatever name
// led to it.
type Gate struct {
	Name         string // of who dials, for errors: "endpoint pager"
	AllowPrivate bool   // loopback and private addresses, too
	Resolver     *net.Resolver
}

// Dial connects to an address that may be dialled. Errors about one that may
// not are Held, egress_denied.
func (g Gate) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if host, _, err := net.SplitHostPort(addr); err != nil || oddAddress(host) {
		return nil, g.denied("%.100q is not how an address is written", addr)
	}
	dialer := &net.Dialer{Control: g.control, Resolver: g.Resolver}
	return dialer.DialContext(ctx, network, addr)
}

// Check says what is wrong with a host of the configuration, "" if nothing can
// be seen before it is dialled.
func (g Gate) Check(host string) (says string) {
	if oddAddress(host) {
		return "write the address with four decimal numbers"
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		switch is := judge(ip); {
		case is == never:
			return ip.String() + " is never dialled"
		case is == private && !g.AllowPrivate:
			return ip.String() + " is not public; say allow_private: true if it is meant"
		}
	}
	return ""
}

// CheckURL is Check for the web address of a peer, "" if it is right.
func (g Gate) CheckURL(u *url.URL) (says string) {
	switch {
	case u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return "want for example https://billing.example/api"
	case u.User != nil:
		return "a credential stands in a file, not before the host"
	}
	return g.Check(u.Hostname())
}

// control is asked by the dialer for each address that a name has resolved to,
// right before it connects.
func (g Gate) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return g.denied("%.100q is no address", address)
	}
	switch ip := at.Addr(); judge(ip) {
	case never:
		return g.denied("%s is never dialled", ip)
	case private:
		if !g.AllowPrivate {
			return g.denied("%s is not public", ip).Hinted("allow_private: true, if it is meant to be there")
		}
	case public:
	}
	return nil
}

func (g Gate) denied(format string, args ...any) *vigil.Error {
	return vigil.Errorf(vigil.Held, "egress_denied", g.Name+": "+format, args...)
}

// Transport sends requests through the gate, each on a connection of its own.
// Nil roots are those of the system.
func Transport(g Gate, roots *x509.CertPool) *http.Transport {
	t := &http.Transport{
		Proxy:                  nil, // not even the environment's
		DialContext:            g.Dial,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives:      true, // each request is judged anew, and none is sent twice
		DisableCompression:     true, // a small answer stays small
		MaxResponseHeaderBytes: maxReplyHeader,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	return t
}
