package httpd

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"time"
)

// peer is one connection that the gate let in.
type peer struct {
	net.Conn
	gate   *gate
	ip     netip.Addr
	closed sync.Once
	err    error
}

// Close implements net.Conn; it may be called more than once.
func (p *peer) Close() error {
	p.closed.Do(func() {
		p.gate.forget(p)
		p.err = p.Conn.Close()
	})
	return p.err
}

// peerOf finds the peer below a connection that may speak TLS.
func peerOf(conn net.Conn) *peer {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	p, _ := conn.(*peer)
	return p
}

// attend returns a context that also ends when the peer hangs up, which the
// web framework does not notice by itself while a handler runs. The caller has
// read the request's body. release must be called before the handler returns:
// it waits until nobody looks at the connection any more.
func (p *peer) attend(ctx context.Context) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancel(ctx)
	if p == nil {
		return ctx, cancel
	}
	_ = p.SetReadDeadline(time.Time{}) // the request is in; a long poll outlives its deadline
	done := make(chan struct{})
	go func() {
		defer close(done)
		if hungUp(p.Conn) {
			cancel()
		}
	}()
	return ctx, func() {
		_ = p.SetReadDeadline(time.Unix(1, 0)) // wakes the watcher; the server sets its own before it reads
		<-done
		cancel()
	}
}
