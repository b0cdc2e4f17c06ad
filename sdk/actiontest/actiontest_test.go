package actiontest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/sdk/action"
	"github.com/techmedaddy/vigil/sdk/actiontest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// ask makes one call in a world.
func ask(t *testing.T, w *actiontest.World, op, request string) (vigil.CallReply, vigil.ServiceStatus) {
	t.Helper()
	b, err := w.Call(op, []byte(request))
	if err != nil {
		t.Fatal(err)
	}
	var reply vigil.CallReply
	if err := json.Unmarshal(b, &reply); err != nil {
		t.Fatal(err)
	}
	var status vigil.ServiceStatus
	if reply.OK {
		if err := json.Unmarshal(reply.Data, &status); err != nil {
			t.Fatal(err)
		}
	}
	return reply, status
}

func TestWorld_ServicesLiveAsRealOnesDo(t *testing.T) {
	t.Parallel()
	w := actiontest.NewWorld(vigil.ServiceStatus{Service: "web", Up: true, PID: 41})
	f := func(op string, up bool, pid, before int) {
		t.Helper()
		if _, s := ask(t, w, op, `{"service":"web"}`); s.Up != up || s.PID != pid || s.PIDBefore != before {
			t.Errorf("%s: %+v, want up %v, pid %d, before %d", op, s, up, pid, before)
		}
	}
	f("service.status", true, 41, 0)
	f("service.restart", true, 1001, 41)
	f("service.start", true, 1001, 41)
	f("service.stop", false, 0, 1001)
	f("service.start", true, 1002, 0)
	f("service.reload", true, 1002, 0)
	if len(w.Calls) != 6 {
		t.Errorf("%d calls recorded, want 6", len(w.Calls))
	}
}

func TestWorld_AnswersWithTheHostsCodes(t *testing.T) {
	t.Parallel()
	w := actiontest.NewWorld(vigil.ServiceStatus{Service: "web"})
	w.Refuse(actiontest.Refusal{Op: "service.stop", Code: "capability_denied", Message: "no grant"})
	f := func(op, request, code string) {
		t.Helper()
		if reply, _ := ask(t, w, op, request); reply.OK || reply.Code != code {
			t.Errorf("%s %s: %+v, want code %s", op, request, reply, code)
		}
	}
	f("service.stop", `{"service":"web"}`, "capability_denied")
	f("service.wipe", `{"service":"web"}`, "capability_unknown")
	f("restart", `{"service":"web"}`, "capability_unknown")
	f("service.start", `{"service":"db"}`, "service_unknown")
	f("service.start", `nonsense`, "request_invalid")
	f("service.reload", `{"service":"web"}`, "service_down")
}

func TestWorld_AnswersOfARecordAreUsedOnceAndInOrder(t *testing.T) {
	t.Parallel()
	v, err := actiontest.Parse([]byte(`{"answers": [
		{"op": "http.request", "request": {"endpoint": "b"}, "data": {"status": 500}},
		{"op": "http.request", "data": {"status": 202, "body": "one"}},
		{"op": "http.request", "data": {"status": 204, "body": {"base64": "/w=="}}},
		{"op": "command.run", "data": {"exit": 3, "output": "full"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	ctx := action.NewContext(v.World())
	f := func(endpoint string, status int, body string) {
		t.Helper()
		reply, err := ctx.HTTP(vigil.HTTPRequest{Endpoint: endpoint})
		if err != nil || reply.Status != status || string(reply.Body) != body {
			t.Errorf("%s: %+v, %v; want %d %q", endpoint, reply, err, status, body)
		}
	}
	f("a", 202, "one")
	f("b", 500, "")
	f("b", 204, "\xff")
	if _, err := ctx.HTTP(vigil.HTTPRequest{Endpoint: "a"}); action.Fail(err).Code != "answer_missing" {
		t.Errorf("error = %v, want the record used up", err)
	}
	if reply, err := ctx.HTTP(vigil.HTTPRequest{Endpoint: "a", DryRun: true}); err != nil || !reply.DryRun {
		t.Errorf("dry run: %+v, %v", reply, err)
	}
	if reply, err := ctx.Run(vigil.CommandRequest{Command: "du"}); err != nil || reply.Exit != 3 || reply.Output != "full" {
		t.Errorf("command: %+v, %v", reply, err)
	}
}

func TestVector_DiffsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	v, err := actiontest.Parse([]byte(`{
		"want": {"ok": true, "code": "", "message": "done"},
		"calls": [{"op": "service.stop", "request": {"a": 1, "b": 2}}, {"op": "service.start", "request": {}}]
	}`))
	if err != nil {
		t.Fatal(err)
	}
	stop := actiontest.Call{Op: "service.stop", Request: json.RawMessage(`{"b":2,"a":1}`)}
	start := actiontest.Call{Op: "service.start", Request: json.RawMessage(`{}`)}
	if diffs := v.Diffs(vigil.ActionOutput{OK: true, Message: "done"}, []actiontest.Call{stop, start}); len(diffs) > 0 {
		t.Errorf("diffs of what is right: %q", diffs)
	}
	got := strings.Join(v.Diffs(vigil.ActionOutput{Code: "x", Message: "y"}, []actiontest.Call{start}), "; ")
	for _, want := range []string{"ok = false", "code = x", "message = y", "call 0 = service.start {}", "call 1 = none"} {
		if !strings.Contains(got, want) {
			t.Errorf("diffs = %s, want %q in it", got, want)
		}
	}
	if diffs := v.Diffs(vigil.ActionOutput{OK: true, Message: "done"}, []actiontest.Call{stop, start, start}); len(diffs) != 1 {
		t.Errorf("diffs with a call too many: %q", diffs)
	}
	if _, err := actiontest.Parse([]byte(`{"wants":1}`)); err == nil {
		t.Error("an unknown field was read")
	}
}
