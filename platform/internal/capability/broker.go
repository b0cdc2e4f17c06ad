package capability

import (
	"log/slog"
	"maps"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability/command"
	"github.com/techmedaddy/vigil/platform/internal/capability/egress"
	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// BrokerOptions are what a Broker needs.
type BrokerOptions struct {
	Services  *Services
	Endpoints *egress.Endpoints                // nil: http.request is unknown here
	Commands  *command.Commands                // nil: command.run is unknown here
	Verbs     map[string]Verb                  // further ones, by the name of their capability
	Asks      func(flow.Lease) map[string]Verb // more of them, which depend on the lease; may be nil
	Budgets   string                           // folder in which the uses of grants are counted
	Allows    func(grants []vigil.Grant, capability, target string, now time.Time) error
	Emit      func(spans ...flow.Span)
	Log       *slog.Logger
	Now       func() time.Time
}

// Broker stands between action modules and the host: what passes it was
// granted.
type Broker struct {
	o       BrokerOptions
	verbs   map[string]Verb // never changed
	budgets *budgets
}

// NewBroker returns a broker over what this host offers.
func NewBroker(o BrokerOptions) *Broker {
	verbs := o.Services.verbs()
	if o.Endpoints != nil {
		verbs["http.request"] = httpVerb(o.Endpoints)
	}
	if o.Commands != nil {
		verbs["command.run"] = commandVerb(o.Commands)
	}
	maps.Copy(verbs, o.Verbs)
	return &Broker{o: o, budgets: &budgets{dir: o.Budgets}, verbs: verbs}
}

// ForLease opens a session for one run of a lease's action. Its calls are
// children of trace. holds is asked right before every effect and says why the
// lease no longer holds, nil if it does. granted is what the module may do now:
// it is asked at every call and again right before its effect.
func (b *Broker) ForLease(lease flow.Lease, trace flow.SpanContext, holds func() error, granted func() []vigil.Grant) *Session {
	verbs := b.verbs
	if b.o.Asks != nil {
		verbs = b.o.Asks(lease)
		maps.Copy(verbs, b.verbs)
	}
	return &Session{broker: b, verbs: verbs, lease: lease, trace: trace, holds: holds, granted: granted}
}
