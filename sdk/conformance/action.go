package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/action"
	"github.com/techmedaddy/vigil/sdk/actiontest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// ActionGuest is an action behind its bytes: *action.Guest natively, or what
// makes a fresh instance in a sandbox for each call.
type ActionGuest interface {
	Check(with []byte) error
	Run(h action.Host, input []byte) ([]byte, error)
}

// ActionVectors plays the vectors that the glob pattern finds in fsys. There
// must be at least one.
func ActionVectors(g ActionGuest, fsys fs.FS, pattern string) error {
	paths, err := fs.Glob(fsys, pattern)
	if err != nil {
		return fmt.Errorf("find vectors: %w", err)
	}
	if len(paths) == 0 {
		return fmt.Errorf("no vectors match %s", pattern)
	}
	var all []error
	for _, path := range paths {
		doc, err := fs.ReadFile(fsys, path)
		if err == nil {
			err = playAction(g, doc)
		}
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", path, err))
		}
	}
	return errors.Join(all...)
}

func playAction(g ActionGuest, doc []byte) error {
	v, err := actiontest.Parse(doc)
	if err != nil {
		return err
	}
	input, err := json.Marshal(v.Input)
	if err != nil {
		return fmt.Errorf("encode input: %w", err)
	}
	world := v.World()
	out, err := outcome(g.Run(world, input))
	if err != nil {
		return err
	}
	if diffs := v.Diffs(out, world.Calls); len(diffs) > 0 {
		return errors.New(strings.Join(diffs, "; "))
	}
	return nil
}

func outcome(b []byte, err error) (out vigil.ActionOutput, _ error) {
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return out, fmt.Errorf("answered %.200q: %w", b, err)
	}
	return out, nil
}

// answering is a host that answers every call alike.
type answering struct {
	*actiontest.World
	reply string
	err   error
}

// Call records the call and answers as it was told to.
func (a answering) Call(op string, request []byte) ([]byte, error) {
	if _, err := a.World.Call(op, request); err != nil {
		return nil, err
	}
	return []byte(a.reply), a.err
}

func host(reply string, err error) answering {
	return answering{actiontest.NewWorld(vigil.ServiceStatus{Service: "web", Up: true, PID: 41}), reply, err}
}

// restarted is the reply of a host whose service did restart.
const restarted = `{"ok":true,"data":{"service":"web","up":true,"pid":42,"pid_before":41,"more":[{"deep":[1]}]},"beside":{}}`

// ActionProtocol sends the action restart-service inputs that it must refuse, or
// must understand though no vector has them, and answers of every kind to its
// call.
func ActionProtocol(g ActionGuest) error {
	var all []error
	note := func(what string, err error) {
		if err != nil {
			all = append(all, fmt.Errorf("%.200s: %w", what, err))
		}
	}
	for _, input := range badInputs() {
		_, err := g.Run(host(restarted, nil), []byte(input))
		note("input "+input, refusal(err, abi.ErrBadInput))
	}
	for _, input := range oddInputs() {
		note("input "+input, ends(g, input, host(restarted, nil), end{ok: true, message: "restarted web: pid 41 became 42", calls: `service.restart {"service":"web"}`}))
	}
	for input, code := range heldInputs() {
		note("input "+input, ends(g, input, host(restarted, nil), end{code: code}))
	}
	for _, a := range answers() {
		a.want.calls = `service.restart {"service":"web"}`
		note(fmt.Sprintf("reply %s %v", a.reply, a.err), ends(g, `{"target":"service:web"}`, host(a.reply, a.err), a.want))
	}
	for _, with := range []string{``, `{}`, `null`, " {\n} "} {
		note("parameters "+with, g.Check([]byte(with)))
	}
	for with, code := range map[string]string{`{"x":1}`: "settings_unknown_field", `{`: "settings_json", `[]`: "settings_type", `{} {}`: "settings_json"} {
		path := map[string]string{"settings_unknown_field": "x"}[code]
		note("parameters "+with, refused(g.Check([]byte(with)), code, path))
	}
	return errors.Join(all...)
}

// end is how a run should end; what is empty matches anything, but for code
// and calls.
type end struct {
	ok      bool
	code    string
	message string
	calls   string
}

func ends(g ActionGuest, input string, h answering, want end) error {
	out, err := outcome(g.Run(h, []byte(input)))
	if err != nil {
		return err
	}
	var calls []string
	for _, c := range h.Calls {
		calls = append(calls, c.Op+" "+string(c.Request))
	}
	if did := strings.Join(calls, "; "); out.OK != want.ok || out.Code != want.code || did != want.calls || want.message != "" && out.Message != want.message {
		return fmt.Errorf("ended ok %v, code %q, message %.200q after calls %q; want %v, %q, %.200q after %q",
			out.OK, out.Code, out.Message, did, want.ok, want.code, want.message, want.calls)
	}
	return nil
}

// AgreeOnAnswers gives so many random replies to the calls of both guests. Both
// must make the same calls and end alike; a failure that is not their own must
// have the same words.
func AgreeOnAnswers(one, other ActionGuest, seed uint64, replies int) error {
	rng := rand.New(rand.NewPCG(seed, 2))
	for range replies {
		reply := spoil(rng, reply(rng))
		a, b := host(reply, nil), host(reply, nil)
		want, err := outcome(one.Run(a, []byte(`{"target":"service:web"}`)))
		if err != nil {
			return fmt.Errorf("seed %d: reply %q: the one: %w", seed, reply, err)
		}
		got, err := outcome(other.Run(b, []byte(`{"target":"service:web"}`)))
		if err != nil {
			return fmt.Errorf("seed %d: reply %q: the other: %w", seed, reply, err)
		}
		own := want.OK || want.Code == "action_failed"
		if want.OK != got.OK || want.Code != got.Code || !own && want.Message != got.Message || len(a.Calls) != len(b.Calls) {
			return fmt.Errorf("seed %d: reply %q: the one says %+v, the other %+v", seed, reply, want, got)
		}
	}
	return nil
}

func reply(rng *rand.Rand) string {
	word := func() string {
		return pick(rng, `"busy"`, `"a\u0062\n"`, `"é\ud83d\ude00"`, `"\ud800"`, `"\"\\\/"`, `null`, `""`, `7`, `["x"]`)
	}
	members := []string{
		`"ok":` + pick(rng, "true", "false", "false", "null", "1", `"true"`),
		`"code":` + word(),
		`"message" : ` + word(),
		`"data":` + pick(rng, "null", "{}", `{"service":"web","up":true}`, "[]", `"web"`, `{"in":{"in":[{}]}}`),
		pick(rng, `"beside":[1.5e3,{"a":null}]`, `"":0`),
	}
	rng.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return "{" + strings.Join(members[:rng.IntN(len(members)+1)], ",") + "}"
}
