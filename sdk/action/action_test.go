package action_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/action"
	"github.com/techmedaddy/vigil/sdk/actiontest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

type with struct {
	Grace int `json:"grace"`
}

func (w with) Validate() error {
	if w.Grace < 0 {
		return action.BadSetting("grace", "must not be negative")
	}
	return nil
}

// deed is an action that a test writes.
type deed struct {
	run func(ctx action.Context, in vigil.ActionInput, w with) vigil.ActionOutput
}

func (d deed) Run(ctx action.Context, in vigil.ActionInput, w with) vigil.ActionOutput {
	return d.run(ctx, in, w)
}

// broken is a host that answers every call alike.
type broken struct {
	*actiontest.World
	reply string
	err   error
	level int32
}

func (b broken) Call(string, []byte) ([]byte, error) { return []byte(b.reply), b.err }
func (b broken) LogLevel() int32                     { return b.level }

func TestContext_CallSaysWhatWentWrong(t *testing.T) {
	t.Parallel()
	f := func(h broken, code, says string) {
		t.Helper()
		err := action.NewContext(h).Call("service.stop", nil, new(vigil.ServiceStatus))
		if out := action.Fail(err); out.OK || out.Code != code || !strings.Contains(out.Message, says) {
			t.Errorf("Fail(Call) = %+v, want code %s and %q", out, code, says)
		}
	}
	f(broken{err: abi.ErrDenied}, "capability_denied", "service.stop: denied")
	f(broken{err: abi.ErrUnsupported}, "capability_unknown", "service.stop: unsupported")
	f(broken{err: abi.ErrInternal}, "call_failed", "service.stop: internal error")
	f(broken{reply: `{"code":"service_busy","message":"busy"}`}, "service_busy", "service.stop: busy")
	f(broken{reply: `nonsense`}, "action_failed", "decode reply of service.stop")
	f(broken{reply: `{"ok":true,"data":[]}`}, "action_failed", "decode data of service.stop")
}

func TestContext_CallMayIgnoreTheData(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{`{"ok":true}`, `{"ok":true,"data":{"up":true}}`} {
		if err := action.NewContext(broken{reply: reply}).Call("service.stop", nil, nil); err != nil {
			t.Errorf("Call with reply %s: %v", reply, err)
		}
	}
	if err := action.NewContext(broken{}).Call("x", func() {}, nil); err == nil {
		t.Error("a request that is no JSON was sent")
	}
}

func TestContext_LogsFromTheHostsLevel(t *testing.T) {
	t.Parallel()
	w := actiontest.NewWorld()
	ctx := action.NewContext(broken{World: w, level: abi.LevelInfo})
	ctx.Debug("unseen")
	ctx.Log("pid %d", 7)
	ctx.Warn("slow")
	ctx.Event("stopped")
	if diff := cmp.Diff([]string{"pid 7", "slow"}, w.Lines); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"stopped"}, w.Events); diff != "" {
		t.Error(diff)
	}
	if !ctx.Deadline().After(time.Time{}) {
		t.Error("no deadline")
	}
}

func TestGuest_ChecksParametersBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	a := deed{func(_ action.Context, _ vigil.ActionInput, w with) vigil.ActionOutput {
		return action.Done(fmt.Sprint("grace ", w.Grace), nil)
	}}
	f := func(params, code, message string) {
		t.Helper()
		out, err := actiontest.Do(a, vigil.ActionInput{With: json.RawMessage(params)}, actiontest.NewWorld())
		if err != nil || out.Code != code || out.Message != message || out.OK != (code == "") {
			t.Errorf("with %s: %+v, %v; want code %q, message %q", params, out, err, code, message)
		}
		if err := action.NewGuest(a).Check([]byte(params)); (err == nil) != (code == "") {
			t.Errorf("Check(%s) = %v", params, err)
		}
	}
	f(``, "", "grace 0")
	f(`{"grace":3}`, "", "grace 3")
	f(`{"grace":-3}`, "settings_invalid", "with: grace: must not be negative")
	f(`{"grase":3}`, "settings_unknown_field", "with: grase: no such setting; known: grace")
	f(`{"grace":"3"}`, "settings_type", "with: grace: got string, want a whole number (int)")
}

func TestGuest_RefusesInputThatIsNone(t *testing.T) {
	t.Parallel()
	_, err := action.NewGuest(deed{}).Run(actiontest.NewWorld(), []byte(`{"target":"nowhere"}`))
	if !errors.Is(err, abi.ErrBadInput) {
		t.Errorf("error = %v, want bad input", err)
	}
}

func TestFail_KeepsACode(t *testing.T) {
	t.Parallel()
	if got := action.Fail(fmt.Errorf("try: %w", vigil.Errorf(vigil.Invalid, "target_unsupported", "no"))).Code; got != "target_unsupported" {
		t.Errorf("code %q, want the error's own", got)
	}
	if got := action.Done("x", func() {}); got.OK {
		t.Error("an output whose data is no JSON counts as done")
	}
}

func ExampleAction() {
	stop := deed{func(ctx action.Context, in vigil.ActionInput, _ with) vigil.ActionOutput {
		var status vigil.ServiceStatus
		if err := ctx.Call("service.stop", vigil.ServiceRequest{Service: in.Target.Name, DryRun: in.DryRun}, &status); err != nil {
			return action.Fail(err)
		}
		return action.Done("stopped "+status.Service, status)
	}}
	world := actiontest.NewWorld(vigil.ServiceStatus{Service: "web", Up: true, PID: 41})
	out, err := actiontest.Do(stop, vigil.ActionInput{Target: vigil.Target{Kind: "service", Name: "web"}}, world)
	fmt.Println(out.OK, out.Message, err, world.Service("web").Up)
	// Output: true stopped web <nil> false
}
