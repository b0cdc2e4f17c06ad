package actiontest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/recorded"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// firstPID is the process id of the first service that a world starts.
const firstPID = 1001

// Call is a host call that the action made.
type Call struct {
	Op      string          `json:"op"`
	Request json.RawMessage `json:"request"`
}

// Refusal is a call that the world does not grant or that fails.
type Refusal struct {
	Op      string `json:"op"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Answer is what a host has answered to one call, and the world will again,
// once.
type Answer struct {
	Op      string          `json:"op"`
	Request json.RawMessage `json:"request"` // nil: to any request
	Data    json.RawMessage `json:"data"`    // for example a vigil.HTTPReply
}

// World is a fake host: services that live in memory, recorded answers to all
// other calls, and a record of what was asked. It is not safe for concurrent use.
type World struct {
	Calls  []Call
	Lines  []string // that the action logged
	Events []string // that it marked in the trace

	known    *recorded.World
	services map[string]vigil.ServiceStatus
	refused  map[string]Refusal
	answers  []Answer // not used yet
	nextPID  int
}

// NewWorld makes a world with these services, which grants every call.
func NewWorld(services ...vigil.ServiceStatus) *World {
	w := &World{known: recorded.Scene{}.World(), services: map[string]vigil.ServiceStatus{}, refused: map[string]Refusal{}, nextPID: firstPID}
	for _, s := range services {
		w.services[s.Service] = s
	}
	return w
}

// Refuse makes every later call of the operation answer with a code.
func (w *World) Refuse(r Refusal) { w.refused[r.Op] = r }

// Answer adds a recorded answer. A call takes the first that fits and uses it
// up.
func (w *World) Answer(a Answer) { w.answers = append(w.answers, a) }

// Service returns how a service stands.
func (w *World) Service(name string) vigil.ServiceStatus { return w.services[name] }

// Call records the call and answers it as a host would.
func (w *World) Call(op string, request []byte) ([]byte, error) {
	w.Calls = append(w.Calls, Call{op, slices.Clone(request)})
	return json.Marshal(w.answer(op, request))
}

// Log records the line.
func (w *World) Log(_ int32, message string) { w.Lines = append(w.Lines, message) }

// LogLevel asks for every line.
func (w *World) LogLevel() int32 { return abi.LevelDebug }

// Deadline is the same in every test.
func (w *World) Deadline() time.Time { return time.Date(2026, 1, 1, 0, 0, 30, 0, time.UTC) }

// SpanEvent records the event.
func (w *World) SpanEvent(name string) { w.Events = append(w.Events, name) }

func (w *World) answer(op string, request []byte) vigil.CallReply {
	if r, ok := w.refused[op]; ok {
		return vigil.CallReply{Code: r.Code, Message: r.Message}
	}
	if op == vigil.OpState {
		return w.known.Answer(op, request)
	}
	verb, ok := strings.CutPrefix(op, "service.")
	if !ok || !slices.Contains([]string{"status", "start", "stop", "restart", "reload"}, verb) {
		return w.recorded(op, request)
	}
	var ask vigil.ServiceRequest
	if err := json.Unmarshal(request, &ask); err != nil {
		return vigil.CallReply{Code: "request_invalid", Message: err.Error()}
	}
	s, ok := w.services[ask.Service]
	if !ok {
		have := strings.Join(slices.Sorted(maps.Keys(w.services)), ", ")
		return vigil.CallReply{Code: "service_unknown", Message: "no service " + ask.Service + "; have: " + have}
	}
	if verb == "reload" && !s.Up {
		return vigil.CallReply{Code: "service_down", Message: "service " + ask.Service + " is down and cannot reload"}
	}
	if !ask.DryRun {
		s = w.do(verb, s)
		w.services[ask.Service] = s
	}
	data, err := json.Marshal(s)
	if err != nil {
		return vigil.CallReply{Code: "internal", Message: err.Error()}
	}
	return vigil.CallReply{OK: true, Data: data}
}

// recorded answers with what was recorded. A dry run without a record is
// answered as a host does: checked, and nothing done.
func (w *World) recorded(op string, request []byte) vigil.CallReply {
	fits := func(a Answer) bool { return a.Op == op && (a.Request == nil || sameJSON(a.Request, request)) }
	if i := slices.IndexFunc(w.answers, fits); i >= 0 {
		data := w.answers[i].Data
		w.answers = slices.Delete(w.answers, i, i+1)
		return recorded.Answer{Op: op, Data: data}.Reply()
	}
	var ask struct {
		DryRun bool `json:"dry_run"`
	}
	known := op == "http.request" || op == "command.run" || op == vigil.OpQuery
	switch {
	case known && json.Unmarshal(request, &ask) == nil && ask.DryRun:
		return vigil.CallReply{OK: true, Data: json.RawMessage(`{"dry_run":true}`)}
	case known:
		return vigil.CallReply{Code: "answer_missing", Message: "the world has no answer to this " + op + " (any more)"}
	}
	return vigil.CallReply{Code: "capability_unknown", Message: "no capability " + op}
}

// do is what a verb does to a service.
func (w *World) do(verb string, s vigil.ServiceStatus) vigil.ServiceStatus {
	before := s.PID
	switch {
	case verb == "stop":
		s.Up, s.PID = false, 0
	case verb == "restart", verb == "start" && !s.Up:
		s.Up, s.PID = true, w.nextPID
		w.nextPID++
	default:
		return s
	}
	s.PIDBefore = before
	return s
}
