package httpd

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// tooMany is what a connection over the caps hears before it is closed.
func tooMany() []byte {
	body := `{"type":"urn:vigil:error:connections_busy","title":"Service Unavailable","status":503,` +
		`"detail":"too many open connections","code":"connections_busy","hint":"close idle connections, or try again later"}`
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: %s\r\nConnection: close\r\nRetry-After: 1\r\n"+
		"Content-Length: %d\r\n\r\n%s", problemType, len(body), body)
}

// gate is a listener that counts the connections it let in, refuses those over
// the caps, and can close them all.
type gate struct {
	net.Listener
	most, perIP int

	mu    sync.Mutex // guards the fields below
	shut  bool       // nobody new is let in
	conns map[*peer]bool
	byIP  map[netip.Addr]int
	fresh map[*peer]bool // those that have not sent a byte yet
}

func newGate(ln net.Listener, l Limits) *gate {
	return &gate{
		Listener: ln, most: l.Conns, perIP: l.ConnsPerIP,
		conns: map[*peer]bool{}, byIP: map[netip.Addr]int{}, fresh: map[*peer]bool{},
	}
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if starved(err) {
			time.Sleep(starvedPause)
			continue
		}
		if err != nil {
			return nil, err
		}
		p := &peer{Conn: conn, gate: g, ip: addrOf(conn.RemoteAddr())}
		if g.admit(p) {
			return p, nil
		}
		_, _ = conn.Write(tooMany()) // a fresh socket's buffer takes it without blocking
		_ = conn.Close()
	}
}

// starvedPause is how long nobody new is let in when the process or the
// machine has no descriptor or no memory left: those it has will be closed.
const starvedPause = 50 * time.Millisecond

func starved(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

func (g *gate) admit(p *peer) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut || len(g.conns) >= g.most || (!p.ip.IsLoopback() && g.byIP[p.ip] >= g.perIP) {
		return false
	}
	g.conns[p], g.fresh[p] = true, true
	g.byIP[p.ip]++
	return true
}

func (g *gate) forget(p *peer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.conns[p] {
		return
	}
	delete(g.conns, p)
	delete(g.fresh, p)
	if g.byIP[p.ip]--; g.byIP[p.ip] <= 0 {
		delete(g.byIP, p.ip)
	}
}

// state follows a connection's life, so that a stop need not wait for those
// that never asked anything.
func (g *gate) state(conn net.Conn, s fasthttp.ConnState) {
	if p := peerOf(conn); p != nil && s == fasthttp.StateActive {
		g.mu.Lock()
		delete(g.fresh, p)
		g.mu.Unlock()
	}
}

// shutFresh lets nobody new in and closes the connections that have not asked
// anything yet.
func (g *gate) shutFresh() {
	g.mu.Lock()
	g.shut = true
	peers := slices.Collect(maps.Keys(g.fresh))
	g.mu.Unlock()
	closeAll(peers)
}

// shutRest closes what is left.
func (g *gate) shutRest() {
	g.mu.Lock()
	peers := slices.Collect(maps.Keys(g.conns))
	g.mu.Unlock()
	closeAll(peers)
}

func closeAll(peers []*peer) {
	for _, p := range peers {
		_ = p.Close()
	}
}

func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
