package httpd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
)

// Server answers one role's HTTP. It may serve several listeners.
type Server struct {
	opt  Options
	role string // collector or remediator, for spans
	held budget
	plan func(*site) // registers the role's routes
}

// New returns the collector's server.
func New(opt Options) *Server { return newServer(opt, "collector", (*site).collector) }

func newServer(opt Options, role string, plan func(*site)) *Server {
	s := &Server{opt: opt.withDefaults(), role: role, plan: plan}
	s.held.give(s.opt.Limits.Held)
	return s
}

// Serve answers requests on ln until ctx ends; then long polls return at once,
// other requests have Limits.Drain to finish, and ln is closed. It returns when
// no handler is left, with nil after an orderly stop.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	hard, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	st, err := newSite(s, func(poll bool) context.Context { //nolint:contextcheck // a request brings its own
		if poll {
			return ctx
		}
		return hard
	})
	if err != nil {
		return err
	}
	g := newGate(ln, s.opt.Limits)
	srv := st.app.Server()
	srv.ConnState = g.state

	var entry net.Listener = g
	if s.opt.TLS != nil {
		entry = tls.NewListener(g, s.opt.TLS)
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(entry) }()
	select {
	case err := <-failed:
		cut()
		g.shutRest()
		return errors.Join(fmt.Errorf("serve %s: %w", ln.Addr(), or(err, net.ErrClosed)), s.wait(srv))
	case <-ctx.Done():
	}
	g.shutFresh()
	err = s.drain(hard, st.app)
	_ = ln.Close() // a stop that comes before the first accept finds no listener to close
	cut()
	g.shutRest()
	<-failed //nolint:errcheck // it ends because it was told to
	return errors.Join(err, s.wait(srv))
}

// drain closes the listener and gives requests under way their time.
func (s *Server) drain(ctx context.Context, app *fiber.App) error {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Limits.Drain)
	defer cancel()
	err := app.ShutdownWithContext(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.opt.Log.WarnContext(ctx, "requests were cut off by the stop", "dur", s.opt.Limits.Drain)
		return nil
	}
	return err
}

// wait is for the handlers whose connections were cut; they see their context
// end and are given a moment to notice.
func (s *Server) wait(srv *fasthttp.Server) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(s.opt.Limits.Drain)
	defer late.Stop()
	for srv.GetOpenConnectionsCount() > 0 {
		select {
		case <-tick.C:
		case <-late.C:
			return fmt.Errorf("stop %d handlers: %w", srv.GetOpenConnectionsCount(), context.DeadlineExceeded)
		}
	}
	return nil
}
