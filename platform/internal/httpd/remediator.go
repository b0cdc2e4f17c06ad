package httpd

import (
	"context"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v3"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// RemediatorOptions is what the remediator's small door needs.
type RemediatorOptions struct {
	Options // Tenants is not asked
	// Remediate wishes for action on service, by a principal, as a child of
	// trace (a traceparent), and returns when the action has ended. ctx ends
	// when the caller hangs up or the server stops.
	Remediate func(ctx context.Context, service, action, by, trace string) (RemediateAnswer, error)
}

// RemediateAnswer is what POST /remediate answers once the action ended well.
// Empty fields are filled in: the status word from the action, the time from
// the clock.
type RemediateAnswer struct {
	Status      string `json:"status"`
	Remediation string `json:"remediation"`
	TookMS      int64  `json:"took_ms"`
}

// NewRemediator returns the remediator's server: POST /remediate and the
// health endpoints.
func NewRemediator(opt RemediatorOptions) *Server {
	return newServer(opt.Options, "remediator", func(s *site) {
		s.health()
		s.documented("remediate", s.remediate(opt), takes[remediateInput](s))
	})
}

type remediateInput struct {
	Service string `json:"service"`
	Action  string `json:"action" enum:"restart,start,stop,reload"`
}

func (s *site) remediate(opt RemediatorOptions) handler {
	return func(ctx context.Context, c fiber.Ctx, r *request) error {
		in, err := bodyAs[remediateInput](r)
		if err != nil {
			return err
		}
		if in.Service == "" || in.Action == "" {
			return vigil.Errorf(vigil.Invalid, "remediate_invalid", "service and action must be named").
				Hinted(`for example {"service":"web","action":"restart"}`)
		}
		r.open()
		got, err := opt.Remediate(ctx, in.Service, in.Action, r.by.Name, r.span.String())
		if err != nil {
			return err
		}
		got.Status = or(got.Status, pastOf(in.Action))
		got.TookMS = or(got.TookMS, max(s.opt.Now().Sub(r.started).Milliseconds(), 1))
		return answer(c, http.StatusOK, got)
	}
}

// pastOf is the status word of an action that was done.
func pastOf(action string) string {
	switch verb := strings.TrimSuffix(action, "-service"); verb {
	case "restart", "start", "reload":
		return verb + "ed"
	case "stop":
		return "stopped"
	}
	return "done"
}
