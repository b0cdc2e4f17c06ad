package conformance_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/action"
	"github.com/techmedaddy/vigil/sdk/conformance"
	"github.com/techmedaddy/vigil/sdk/policy"
	"github.com/techmedaddy/vigil/sdk/policytest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

type lines struct {
	Above *float64 `json:"above"`
	Below *float64 `json:"below"`
}

func (l lines) Validate() error {
	switch {
	case l.Above == nil && l.Below == nil:
		return policy.BadSetting("above", "give one")
	case l.Above != nil && l.Below != nil && *l.Below > *l.Above:
		return policy.BadSetting("below", "crossed")
	}
	return nil
}

// plain is the threshold policy in its shortest form.
type plain struct{}

func (plain) Evaluate(b policy.Batch, l lines, out *policy.Decisions) {
	b.Each(func(s policy.Series) {
		last := ""
		for i, v := range s.Values() {
			now, how, line := "ok", "", 0.0
			switch {
			case math.IsNaN(v) || math.IsInf(v, 0):
				now = "no data"
			case l.Above != nil && v > *l.Above:
				now, how, line = "fire", " is above ", *l.Above
			case l.Below != nil && v < *l.Below:
				now, how, line = "fire", " is below ", *l.Below
			}
			if now == last {
				continue
			}
			switch last = now; now {
			case "ok":
				out.OK(s.At(i))
			case "fire":
				out.Fire(s.At(i), six(v)+how+six(line))
			default:
				out.NoData(s.At(i))
			}
		}
	})
}

func six(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func guest() policytest.Guest { return policy.NewGuest(plain{}) }

// spoilt is a guest with a flaw.
type spoilt struct {
	policytest.Guest
	eval func(g policytest.Guest, batch []byte) ([]byte, error)
	set  func(g policytest.Guest, config uint32, doc []byte) error
}

func (s spoilt) Eval(batch []byte) ([]byte, error) {
	if s.eval != nil {
		return s.eval(s.Guest, batch)
	}
	return s.Guest.Eval(batch)
}

func (s spoilt) Configure(config uint32, doc []byte) error {
	if s.set != nil {
		return s.set(s.Guest, config, doc)
	}
	return s.Guest.Configure(config, doc)
}

const thresholds = "../../modules/policies/threshold/testdata"

func TestSuite_PassesAGuestThatIsRight(t *testing.T) {
	t.Parallel()
	if err := conformance.Vectors(guest(), os.DirFS(thresholds), "*.json"); err != nil {
		t.Error(err)
	}
	if err := conformance.Protocol(guest()); err != nil {
		t.Error(err)
	}
	if err := conformance.Agree(guest(), guest(), 1, 50); err != nil {
		t.Error(err)
	}
	if err := conformance.AgreeOnSettings(guest(), guest(), 1, 1000); err != nil {
		t.Error(err)
	}
}

func TestSuite_FindsAFlaw(t *testing.T) {
	t.Parallel()
	f := func(err error, says string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("found %v, want %q", err, says)
		}
	}
	believing := spoilt{Guest: guest(), eval: func(g policytest.Guest, batch []byte) ([]byte, error) {
		reply, err := g.Eval(batch)
		if errors.Is(err, abi.ErrBadInput) {
			return abi.AppendDecisions(nil, nil), nil
		}
		return reply, err
	}}
	f(conformance.Protocol(believing), "other magic is refused: answered <nil>")
	forgetful := spoilt{Guest: guest(), set: func(g policytest.Guest, _ uint32, doc []byte) error { return g.Configure(1, doc) }}
	f(conformance.Protocol(forgetful), "never configured")
	lenient := spoilt{Guest: guest(), set: func(g policytest.Guest, config uint32, _ []byte) error {
		return g.Configure(config, []byte(`{"above":0.8}`))
	}}
	f(conformance.Vectors(lenient, os.DirFS(thresholds), "*.json"), "refused-crossed.json: answered <nil>, want settings_invalid")
	f(conformance.Vectors(lenient, os.DirFS(thresholds), "*.json"), "band.json: whole: ")
	f(conformance.Agree(guest(), lenient, 1, 50), "the other ")
	f(conformance.AgreeOnSettings(guest(), lenient, 1, 50), "the other <nil>")
	f(conformance.Vectors(guest(), os.DirFS(thresholds), "*.yaml"), "no vectors match")
}

// restart is the restart-service action in its shortest form.
type restart struct{}

func (restart) Run(ctx action.Context, in vigil.ActionInput, _ struct{}) vigil.ActionOutput {
	if in.Target.Kind != "service" {
		return action.Fail(vigil.Errorf(vigil.Invalid, "target_unsupported", "restarts services"))
	}
	var s vigil.ServiceStatus
	if err := ctx.Call("service.restart", vigil.ServiceRequest{Service: in.Target.Name, DryRun: in.DryRun}, &s); err != nil {
		return action.Fail(err)
	}
	switch {
	case in.DryRun:
		return action.Done("would restart "+in.Target.Name, nil)
	case s.PID == 0 || s.PIDBefore == 0:
		return action.Done("restarted "+in.Target.Name, nil)
	}
	return action.Done(fmt.Sprintf("restarted %s: pid %d became %d", in.Target.Name, s.PIDBefore, s.PID), s)
}

const restarts = "../../modules/actions/restart-service/testdata"

func TestActionSuite_PassesAGuestThatIsRight(t *testing.T) {
	t.Parallel()
	g := action.NewGuest(restart{})
	if err := conformance.ActionVectors(g, os.DirFS(restarts), "*.json"); err != nil {
		t.Error(err)
	}
	if err := conformance.ActionProtocol(g); err != nil {
		t.Error(err)
	}
	if err := conformance.AgreeOnAnswers(g, g, 1, 1000); err != nil {
		t.Error(err)
	}
}

// flawed is an action with a flaw.
type flawed struct {
	conformance.ActionGuest
	run func(g conformance.ActionGuest, h action.Host, input []byte) ([]byte, error)
}

func (f flawed) Run(h action.Host, input []byte) ([]byte, error) {
	return f.run(f.ActionGuest, h, input)
}

func TestActionSuite_FindsAFlaw(t *testing.T) {
	t.Parallel()
	right := action.NewGuest(restart{})
	f := func(err error, says string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("found %v, want %q", err, says)
		}
	}
	twice := flawed{right, func(g conformance.ActionGuest, h action.Host, input []byte) ([]byte, error) {
		_, _ = g.Run(h, input)
		return g.Run(h, input)
	}}
	f(conformance.ActionVectors(twice, os.DirFS(restarts), "*.json"), "restarts.json: ")
	f(conformance.ActionProtocol(twice), "after calls")
	f(conformance.AgreeOnAnswers(right, twice, 1, 10), "the other")
	lenient := flawed{right, func(g conformance.ActionGuest, h action.Host, input []byte) ([]byte, error) {
		out, err := g.Run(h, input)
		if err != nil {
			return []byte(`{"ok":true}`), nil
		}
		return out, nil
	}}
	f(conformance.ActionProtocol(lenient), `input {"target":"nowhere"}: answered <nil>`)
	f(conformance.ActionVectors(right, os.DirFS(restarts), "*.yaml"), "no vectors match")
}
