package app

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// listen opens a socket. Anything but loopback needs --insecure-bind, since
// there is no TLS yet.
func (a *App) listen(ctx context.Context, role, addr, flag string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, vigil.Errorf(vigil.Invalid, "listen_invalid", "%s: listen on %q: want HOST:PORT", role, addr).
			Hinted("%s 127.0.0.1:8000", flag)
	}
	if ip, err := netip.ParseAddr(host); !a.o.Config.Insecure && host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, vigil.Errorf(vigil.Invalid, "listen_insecure",
			"%s: %s is reachable from other machines, and neither TLS nor tokens protect it", role, addr).
			Hinted("%s 127.0.0.1:8000, or --insecure-bind if something else protects it", flag)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, vigil.Errorf(vigil.Busy, "port_in_use", "%s: another process listens on %s", role, addr).
			Hinted("stop it, or choose another port with %s 127.0.0.1:0", flag)
	case err != nil:
		return nil, vigil.Errorf(vigil.Internal, "listen_failed", "%s: listen on %s: %v", role, addr, err)
	}
	a.down.add(role+" socket", func(context.Context) error {
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return ln, nil
}
