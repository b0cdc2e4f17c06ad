package vigil

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Mode says how far a policy may go.
type Mode string

// The modes. New policies start in Shadow.
const (
	Disabled Mode = "disabled" // not evaluated
	Shadow   Mode = "shadow"   // decides and records
	Suggest  Mode = "suggest"  // asks a person
	Auto     Mode = "auto"     // acts
)

// Policy binds a module to the series it judges, the target it protects, the
// runbook that treats it and the guards that hold it back. It is never called
// a rule or an alert.
type Policy struct {
	Name       string          `json:"name"`
	Module     string          `json:"module"` // name, name@version or sha256:…
	Select     Select          `json:"select"`
	Settings   json.RawMessage `json:"settings,omitempty"`
	Target     string          `json:"target"` // text and {{label}}, nothing else
	Group      string          `json:"group,omitempty"`
	For        Duration        `json:"for"`
	RecoverFor Duration        `json:"recover_for"`
	Interval   Duration        `json:"interval"` // evaluation interval: a tick comes this often, samples or not
	Lookback   Duration        `json:"lookback"` // a series silent longer than this is no_data
	Mode       Mode            `json:"mode"`
	Guards     Guards          `json:"guards"`
	Runbook    []Step          `json:"runbook"`
	Verify     Verify          `json:"verify"`
}

// Guards are the limits on acting. Every one has a default.
type Guards struct {
	Cooldown Duration `json:"cooldown"`        // wait after an action on the target ended
	Warmup   Duration `json:"warmup"`          // no action this soon after a start
	Budget   Rate     `json:"budget,omitzero"` // attempts per target, then exhausted
	MaxAge   Duration `json:"max_age"`         // a remediation older than this is not started
	Backoff  Backoff  `json:"backoff"`         // wait after a remediation of the target that did not heal

	ApproveWithin Duration `json:"approve_within"` // a person who is asked answers within it; in place of MaxAge while it waits. 0: DefaultApproval

	// The fleet's: they count targets of one group. Zero turns one off.
	MinHealthy    Share `json:"min_healthy"`    // of the group's known targets; below it nothing is touched
	MaxConcurrent Share `json:"max_concurrent"` // of the group's known targets in treatment at a time; a percentage allows at least one
	Rate          Rate  `json:"rate,omitzero"`  // of the policy's attempts, on all targets
	Storm         Storm `json:"storm"`
	TripAfter     int   `json:"trip_after"`  // targets on which one action failed stop the policy everywhere
	Ineffective   int   `json:"ineffective"` // remediations in a row that did not help a target leave it to a person
}

// DefaultApproval is how long a person who is asked has, and maxApproval the most:
// what somebody agrees to has to be what is the matter.
const (
	DefaultApproval = Duration(30 * time.Minute)
	maxApproval     = Duration(24 * time.Hour)
)

// Approval is how long a person who is asked has. It always ends.
func (g Guards) Approval() Duration {
	if g.ApproveWithin <= 0 {
		return DefaultApproval
	}
	return g.ApproveWithin
}

// Backoff is a wait that doubles with each failure.
type Backoff struct {
	First Duration `json:"first"`
	Most  Duration `json:"most"`
}

// After returns the wait after n failures in a row.
func (b Backoff) After(n int) time.Duration {
	wait := b.First.D()
	for range min(n, 32) - 1 {
		wait = min(2*wait, b.Most.D())
	}
	return wait
}

// Storm is when so much of a group is bad that acting on each makes it worse.
type Storm struct {
	Targets int      `json:"targets"` // at least so many, and
	Share   Share    `json:"share"`   // more than this of the group, unhealthy or silent
	Calm    Duration `json:"calm"`    // actions start again when it has been over for so long
}

// Rages reports whether bad of known targets are a storm.
func (s Storm) Rages(bad, known int) bool {
	if s.Share.Percent {
		return s.Share.N > 0 && bad >= s.Targets && bad*100 > known*s.Share.N
	}
	return s.Share.N > 0 && bad >= s.Targets && bad > s.Share.N
}

// maxWith bounds a step's parameters and a policy's settings, in bytes.
const maxWith = 16 << 10

// Step is one rung of a runbook: an action module, its parameters, its timeout.
// Parameters may have {{words}} in their texts; see Fill.
type Step struct {
	Action  string          `json:"action"`
	With    json.RawMessage `json:"with,omitempty"`
	Timeout Duration        `json:"timeout"`

	// FailEarly ends the step's verification as failed once fresh samples have been
	// bad for so long after the target had time to stabilise; 0 waits for its window.
	FailEarly Duration `json:"fail_early,omitempty"`
	// CancelOnResolve asks the action to stop when the episode resolves while it
	// runs. Otherwise what runs may finish.
	CancelOnResolve bool `json:"cancel_on_resolve,omitempty"`
	// Undo takes the step back when it was the last to run and did not heal, or when
	// a person says so; nil: nothing does. It has neither an undo nor an early end.
	Undo *Step `json:"undo,omitempty"`
}

// acting is a step, or its undo, and where in the step it stands.
type acting struct {
	*Step
	under string
}

func (s *Step) actions() []acting {
	if s.Undo == nil {
		return []acting{{s, ""}}
	}
	return []acting{{s, ""}, {s.Undo, "undo."}}
}

// check reports what makes the step inadmissible, whatever its action says.
func (s Step) check() (field, wrong string) {
	w := bytes.TrimSpace(s.With)
	switch {
	case s.Action == "":
		return "action", "missing; name an action module (see vigil module ls)"
	case s.Timeout.D() > time.Hour:
		return "timeout", "want at most 1h"
	case len(w) > 0 && w[0] != '{':
		return "with", "want an object, for example {}"
	case len(s.With) > maxWith:
		return "with", fmt.Sprintf("%d bytes, the limit is %d", len(s.With), maxWith)
	}
	return "", ""
}

// Verify says how healing is shown: wait Stabilise, then the same policy must
// judge the target clear before Window ends.
type Verify struct {
	Stabilise Duration `json:"stabilise"`
	Window    Duration `json:"window"`
}

// DefaultPolicy returns the defaults that ParsePolicy lays a document over.
func DefaultPolicy() Policy {
	d := func(v time.Duration) Duration { return Duration(v) }
	return Policy{
		RecoverFor: d(30 * time.Second),
		Interval:   d(10 * time.Second),
		Lookback:   d(5 * time.Minute),
		Mode:       Shadow,
		Guards: Guards{
			Cooldown: d(5 * time.Minute),
			Warmup:   d(20 * time.Second),
			Budget:   Rate{N: 3, Per: d(time.Hour)},
			MaxAge:   d(10 * time.Minute),
			Backoff:  Backoff{First: d(time.Minute), Most: d(10 * time.Minute)},

			ApproveWithin: DefaultApproval,

			MaxConcurrent: Share{N: 10, Percent: true},
			Rate:          Rate{N: 30, Per: d(time.Hour)},
			Storm:         Storm{Targets: 3, Share: Share{N: 30, Percent: true}, Calm: d(5 * time.Minute)},
			TripAfter:     3,
			Ineffective:   3,
		},
		Verify: Verify{Stabilise: d(30 * time.Second), Window: d(5 * time.Minute)},
	}
}

// DefaultTimeout bounds an action whose step names no timeout.
const DefaultTimeout = Duration(30 * time.Second)

// ParsePolicy reads a policy from JSON over the defaults and checks all that
// can be checked without its module. Errors are Invalid and name the field.
func ParsePolicy(doc []byte) (Policy, error) {
	p := DefaultPolicy()
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return Policy{}, undecoded(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Policy{}, Errorf(Invalid, "policy_invalid", "policy: more than one document")
	}
	for i := range p.Runbook {
		for s := &p.Runbook[i]; s != nil; s = s.Undo {
			if s.Timeout == 0 {
				s.Timeout = DefaultTimeout
			}
		}
	}
	return p, p.Check()
}

// undecoded says in the field's words why a document is no policy.
func undecoded(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return Errorf(Invalid, "policy_invalid", "policy: %s: a %s does not fit there", t.Field, t.Value).With("field", t.Field)
	}
	return Errorf(Invalid, "policy_invalid", "policy: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// Check reports the first thing that makes the policy inadmissible.
func (p Policy) Check() error {
	bad := func(field, format string, args ...any) error {
		return Errorf(Invalid, "policy_invalid", "policy "+p.Name+": "+field+": "+format, args...).With("field", field)
	}
	switch {
	case !isName(p.Name):
		return bad("name", "want lower-case letters, digits and dashes, at most 63")
	case p.Module == "":
		return bad("module", "missing; name an uploaded module (see vigil module ls)")
	case p.Mode != Disabled && p.Mode != Shadow && p.Mode != Suggest && p.Mode != Auto:
		return bad("mode", "%q is none of disabled, shadow, suggest, auto", p.Mode)
	case p.Interval.D() < 100*time.Millisecond:
		return bad("interval", "want at least 100ms")
	case len(p.Settings) > maxWith:
		return bad("settings", "%d bytes, the limit is %d", len(p.Settings), maxWith)
	case len(p.Runbook) > 16:
		return bad("runbook", "at most 16 steps")
	case p.Mode == Auto && len(p.Runbook) == 0:
		return bad("runbook", "mode auto needs at least one step")
	}
	for i, s := range p.Runbook {
		at := fmt.Sprintf("runbook[%d].", i)
		if s.FailEarly > 0 && s.FailEarly >= p.Verify.Window {
			return bad(at+"fail_early", "want less than the verify.window of %s, at whose end it has failed anyway", p.Verify.Window)
		}
		if u := s.Undo; u != nil && (u.Undo != nil || u.FailEarly > 0 || u.CancelOnResolve) {
			return bad(at+"undo", "has only action, with and timeout")
		}
		for _, one := range s.actions() {
			if field, wrong := one.check(); wrong != "" {
				return bad(at+one.under+field, "%s", wrong)
			}
			if h, found := one.badHole(); found {
				return AsError(bad(at+one.under+"with."+h.path, "%s", h.wrong)).With("position", h.at)
			}
		}
	}
	if field, wrong := p.Select.check(); wrong != "" {
		return bad(field, "%s", wrong)
	}
	if p.Select.IsQuery() && 2*p.Select.Every > p.Lookback {
		return bad("select.every", "want at most half the lookback of %s, else a result is no data before the next one comes", p.Lookback)
	}
	if field, want := p.Guards.wrong(); field != "" {
		return bad("guards."+field, "%s", want)
	}
	if _, err := ParseTarget(expand(p.Target, func(string) string { return "x" })); err != nil {
		return AsError(err).With("field", "target")
	}
	return nil
}

// TargetLabels are the labels that the target template takes from a series.
func (p Policy) TargetLabels() (labels []string) {
	expand(p.Target, func(label string) string {
		labels = append(labels, label)
		return ""
	})
	return labels
}

// wrong names the first guard that makes no sense, and what it wants.
func (g Guards) wrong() (field, want string) {
	switch {
	case g.ApproveWithin < 0 || g.ApproveWithin > maxApproval:
		return "approve_within", "want a time up to " + maxApproval.String()
	case g.Backoff.Most < g.Backoff.First:
		return "backoff.most", "want at least the first wait, which is " + g.Backoff.First.String()
	case g.Storm.Targets < 0 || g.Storm.Targets > 1<<16:
		return "storm.targets", "want a number of targets"
	case g.TripAfter < 0 || g.TripAfter > 64:
		return "trip_after", "want a number of targets up to 64, 0 for never"
	case g.Ineffective < 0:
		return "ineffective", "want a number of remediations, 0 for never"
	}
	return "", ""
}

// RenderTarget fills the policy's target template from a series' labels. A
// missing label or a value that is no name gives code target_out_of_scope.
func (p Policy) RenderTarget(s Series) (Target, error) {
	return ParseTarget(expand(p.Target, s.Get))
}
