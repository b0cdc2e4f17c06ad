package httpd

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v3"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// leases binds the collector's half of the lease protocol.
func (s *site) leases() {
	s.documented("remediators.register", withLeases(func(ctx context.Context, c fiber.Ctx, r *request) error {
		in, err := bodyAs[vigil.Remediator](r)
		if err != nil {
			return err
		}
		in.SeenAt = r.started
		if err := r.tenant.Leases.Register(ctx, in); err != nil {
			return err
		}
		return answer(c, http.StatusOK, map[string]any{"ok": true})
	}), takes[vigil.Remediator](s))
	s.documented("leases.lease", withLeases(s.lease), takes[leaseInput](s))
	s.documented("leases.start", withLeases(func(ctx context.Context, c fiber.Ctx, r *request) error {
		in, err := leaseBody[flow.Lease](c, r, func(l flow.Lease) string { return l.Remediation })
		if err != nil {
			return err
		}
		if err := r.tenant.Leases.Start(ctx, in); err != nil {
			return err
		}
		return answer(c, http.StatusOK, map[string]any{"ok": true})
	}), takes[flow.Lease](s))
	s.documented("leases.heartbeat", withLeases(func(ctx context.Context, c fiber.Ctx, r *request) error {
		in, err := leaseBody[flow.Lease](c, r, func(l flow.Lease) string { return l.Remediation })
		if err != nil {
			return err
		}
		now, err := r.tenant.Leases.Heartbeat(ctx, in)
		if err != nil {
			return err
		}
		return answer(c, http.StatusOK, now)
	}), takes[flow.Lease](s))
	s.documented("leases.finish", withLeases(func(ctx context.Context, c fiber.Ctx, r *request) error {
		in, err := leaseBody[flow.Report](c, r, func(p flow.Report) string { return p.Remediation })
		if err != nil {
			return err
		}
		if err := r.tenant.Leases.Finish(ctx, in); err != nil {
			return err
		}
		return answer(c, http.StatusOK, map[string]any{"ok": true})
	}), takes[flow.Report](s))
}

// leaseInput names who asks for work.
type leaseInput struct {
	Remediator string `json:"remediator"`
}

// lease is the long poll: 200 and a lease, or 204 when there was no work.
func (s *site) lease(ctx context.Context, c fiber.Ctx, r *request) error {
	in, err := bodyAs[leaseInput](r)
	if err != nil {
		return err
	}
	wait, err := s.waitOf(string(c.Request().URI().QueryArgs().Peek("wait")))
	if err != nil {
		return err
	}
	got, err := r.tenant.Leases.Lease(ctx, in.Remediator, wait)
	switch {
	case err != nil:
		return err
	case got == nil:
		c.Status(http.StatusNoContent)
		return nil
	case ctx.Err() != nil:
		return s.giveBack(ctx, r, *got)
	}
	return answer(c, http.StatusOK, got)
}

// giveBack returns a lease that nobody is left to take: the peer hung up, or
// the server stops. It may be leased again at once.
func (s *site) giveBack(ctx context.Context, r *request, l flow.Lease) error {
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opt.Limits.Drain)
	defer cancel()
	err := r.tenant.Leases.Finish(whole, flow.Report{
		Remediation: l.Remediation, Attempt: l.Attempt, Fence: l.Fence,
		Code: "peer_gone", Message: "the remediator hung up before it had the lease",
	})
	if err != nil {
		return err
	}
	return ctx.Err()
}

// leaseBody reads a body that must name the remediation in the path.
func leaseBody[T any](c fiber.Ctx, r *request, of func(T) string) (T, error) {
	in, err := bodyAs[T](r)
	if err == nil && of(in) != param(c, "remediation") {
		err = vigil.Errorf(vigil.Invalid, "lease_mismatch", "the body names another remediation than the path").With("field", "remediation")
	}
	return in, err
}

func withLeases(h handler) handler {
	return func(ctx context.Context, c fiber.Ctx, r *request) error {
		if r.tenant.Leases == nil {
			return errNotServed()
		}
		return h(ctx, c, r)
	}
}
