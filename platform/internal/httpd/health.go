package httpd

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v3"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// health binds what watchers ask. These routes touch no tenant and no body.
func (s *site) health() {
	started := s.opt.Now()
	s.documented("livez", func(_ context.Context, c fiber.Ctx, _ *request) error {
		return answer(c, http.StatusOK, map[string]any{"status": "ok"})
	})
	s.documented("readyz", func(ctx context.Context, c fiber.Ctx, _ *request) error {
		if err := s.ready(ctx); err != nil {
			return err
		}
		return answer(c, http.StatusOK, map[string]any{"status": "ok"})
	})
	s.documented("healthz", func(ctx context.Context, c fiber.Ctx, _ *request) error {
		if err := s.ready(ctx); err != nil {
			return err
		}
		up := s.opt.Now().Sub(started).Seconds()
		return answer(c, http.StatusOK, map[string]any{"status": "ok", "role": s.role, "version": s.opt.Version, "uptime_s": up})
	})
	s.documented("metrics", func(_ context.Context, c fiber.Ctx, _ *request) error {
		if s.opt.Metrics == nil {
			return errNoRoute()
		}
		media, body := s.opt.Metrics()
		c.RequestCtx().SetContentType(media)
		c.RequestCtx().SetBody(body)
		return nil
	})
}

// ready gives every reason not to serve the code and status that a balancer
// understands, unless it has a code of its own.
func (s *site) ready(ctx context.Context) error {
	err := s.opt.Ready(ctx)
	if err == nil || vigil.CodeOf(err) != "internal" {
		return err
	}
	return &vigil.Error{Kind: vigil.Unavailable, Code: "not_ready", Msg: "not ready", Hint: "the log says why", Err: err}
}
