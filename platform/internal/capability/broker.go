package capability

import (
	"context"
	"log/slog"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// BrokerOptions are what a Broker needs.
type BrokerOptions struct {
	Services *Services
	Budgets  string // folder in which the uses of grants are counted
	Allows   func(grants []vigil.Grant, capability, target string, now time.Time) error
	Emit     func(spans ...flow.Span)
	Log      *slog.Logger
	Now      func() time.Time
}

// Broker stands between action modules and the host: what passes it was
// granted.
type Broker struct {
	o       BrokerOptions
	verbs   map[string]verb // never changed
	budgets *budgets
}

// verb carries out one capability on the service called name, if may still
// agrees right before the effect.
type verb func(ctx context.Context, name string, may ...func() error) (vigil.ServiceStatus, error)

// NewBroker returns a broker over the services of this host.
func NewBroker(o BrokerOptions) *Broker {
	s := o.Services
	return &Broker{o: o, budgets: &budgets{dir: o.Budgets}, verbs: map[string]verb{
		opStatus: func(_ context.Context, name string, _ ...func() error) (vigil.ServiceStatus, error) {
			return s.Status(name)
		},
		"service.start":   s.Start,
		"service.stop":    s.Stop,
		"service.restart": s.Restart,
		"service.reload":  s.Reload,
	}}
}

// opStatus is the one verb without an effect.
const opStatus = "service.status"

// ForLease opens a session for one run of a lease's action. Its calls are
// children of trace. holds is asked right before every effect and says why the
// lease no longer holds, nil if it does.
func (b *Broker) ForLease(lease flow.Lease, trace flow.SpanContext, holds func() error) *Session {
	return &Session{broker: b, lease: lease, trace: trace, holds: holds}
}
