package recall

import (
	"sync"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	maxRefusals = 10_000 // policies and capabilities whose refusal is remembered
	maxUntold   = 256    // refusals that wait for the disk
)

// refusals tells the audit log that a policy was refused something: once, until
// the same is allowed.
type refusals struct {
	queue chan vigil.AuditRecord

	mu    sync.Mutex
	state map[refusal]string // the target that was told; guarded by mu
}

// refusal is who was refused what.
type refusal struct{ digest, policy, op string }

func newRefusals() *refusals {
	return &refusals{queue: make(chan vigil.AuditRecord, maxUntold), state: map[refusal]string{}}
}

// refused has a refusal recorded if it is news. When too many wait already it
// stays news.
func (t *refusals) refused(g *Guest, line *vigil.HostCall, why error) {
	code := vigil.CodeOf(why)
	if code != "capability_denied" && code != "budget_exhausted" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	who := g.who(line)
	if _, known := t.state[who]; known {
		return
	}
	if len(t.state) >= maxRefusals {
		clear(t.state) // told again, which is better than never
	}
	select {
	case t.queue <- vigil.AuditRecord{
		At: line.StartedAt, By: "policy:" + g.policy, Verb: "capability.denied", Object: g.policy,
		Target: line.Target, To: code, Message: vigil.AsError(why).Msg,
	}:
		t.state[who] = line.Target
	default:
	}
}

// allowed makes the next refusal news, if it was this that was refused.
func (t *refusals) allowed(g *Guest, line *vigil.HostCall) {
	t.mu.Lock()
	defer t.mu.Unlock()
	who := g.who(line)
	if target, known := t.state[who]; known && target == line.Target {
		delete(t.state, who)
	}
}

// who is what counts as one: all capabilities that no policy has are the same,
// or a guest could fill the log with names that it makes up.
func (g *Guest) who(line *vigil.HostCall) refusal {
	op := line.Op
	if _, known := g.verbs[op]; !known {
		op = ""
	}
	return refusal{g.module.Digest, g.policy, op}
}
