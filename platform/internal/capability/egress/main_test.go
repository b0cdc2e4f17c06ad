package egress

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// peer is a real server that remembers what reached it.
type peer struct {
	*httptest.Server
	connections atomic.Int64
	mu          sync.Mutex
	requests    []*http.Request // guarded by mu
}

func newPeer(t *testing.T, h http.HandlerFunc) *peer {
	t.Helper()
	p := &peer{}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests = append(p.requests, r)
		p.mu.Unlock()
		h(w, r)
	}))
	p.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			p.connections.Add(1)
		}
	}
	p.Start()
	t.Cleanup(p.Close)
	return p
}

// port is the peer's port, as a URL writes it.
func (p *peer) port() string {
	return p.Listener.Addr().String()[strings.LastIndexByte(p.Listener.Addr().String(), ':'):]
}

func (p *peer) last(t *testing.T) *http.Request {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) == 0 {
		t.Fatal("nothing reached the peer")
	}
	return p.requests[len(p.requests)-1]
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }

// one opens the endpoint "e" without asking Check, which refuses much of what
// the dialer must refuse as well.
func one(t *testing.T, c Config, resolver *net.Resolver) *Endpoints {
	t.Helper()
	e, err := newEndpoint("e", c, resolver)
	if err != nil {
		t.Fatal(err)
	}
	return &Endpoints{byName: map[string]*endpoint{"e": e}}
}

// checked opens the endpoint "e" as the product does.
func checked(t *testing.T, c Config) *Endpoints {
	t.Helper()
	s, err := New(map[string]Config{"e": c}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// nameServer is a real DNS server on loopback that answers with the addresses
// given, and a resolver that asks it and nobody else.
func nameServer(t *testing.T, answers map[string]string) *net.Resolver {
	t.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := resolve(buf[:n], answers); reply != nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	})
	t.Cleanup(func() {
		conn.Close()
		serving.Wait()
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// resolve answers one question of RFC 1035: the address that stands for the
// name, or nothing of the type asked for.
func resolve(q []byte, answers map[string]string) []byte {
	if len(q) < 12 {
		return nil
	}
	var name strings.Builder
	end := 12
	for end < len(q) && q[end] != 0 {
		size := int(q[end])
		if end+1+size >= len(q) {
			return nil
		}
		name.Write(q[end+1 : end+1+size])
		name.WriteByte('.')
		end += 1 + size
	}
	end += 5 // the root label, type and class
	if end > len(q) {
		return nil
	}
	kind := binary.BigEndian.Uint16(q[end-4:])
	reply := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
	ip, err := netip.ParseAddr(answers[name.String()])
	if err != nil || (kind == 1) != ip.Is4() || (kind != 1 && kind != 28) {
		return reply
	}
	reply[7] = 1
	reply = append(reply, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(ip.AsSlice())))
	return append(reply, ip.AsSlice()...)
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	if got := vigil.CodeOf(err); got != code {
		t.Errorf("%s: code = %q (%v), want %q", what, got, err, code)
	}
}
