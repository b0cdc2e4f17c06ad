package recorded

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Answer is what a vector's world says to a call. It is given to each call of
// the operation whose request has the members of Request.
type Answer struct {
	Op      string                     `json:"op"`
	Request map[string]json.RawMessage `json:"request,omitempty"`
	Data    json.RawMessage            `json:"data,omitempty"`
	Code    string                     `json:"code,omitempty"` // "" for a call that went well
	Message string                     `json:"message,omitempty"`
}

// Scene is the part of a vector that says what its world answers.
type Scene struct {
	Answers []Answer          `json:"answers,omitempty"`
	State   map[string]string `json:"state,omitempty"` // what the module keeps at the start, by key; {} lets it keep things
}

// World answers calls by a scene: the first answer that fits, else the state
// that it keeps in memory. What no scene speaks of is denied. It is not safe for
// concurrent use.
type World struct {
	answers []Answer
	state   map[string][]byte // nil: there is none
}

// World makes the scene's world.
func (s Scene) World() *World {
	w := &World{answers: s.Answers}
	if s.State != nil {
		w.state = make(map[string][]byte, len(s.State))
		for key, value := range s.State {
			w.state[key] = []byte(value)
		}
	}
	return w
}

// Call answers as a host does. Its error is always nil.
func (w *World) Call(op string, request []byte) ([]byte, error) {
	return json.Marshal(w.Answer(op, request))
}

// Answer is Call before its answer is encoded.
func (w *World) Answer(op string, request []byte) vigil.CallReply {
	for _, a := range w.answers {
		if a.Op == op && a.fits(request) {
			return a.Reply()
		}
	}
	if op != vigil.OpState || w.state == nil {
		return vigil.CallReply{Code: "capability_denied", Message: op + " was not granted: the vector has no answer to it"}
	}
	var ask vigil.StateRequest
	if err := json.Unmarshal(request, &ask); err != nil {
		return vigil.CallReply{Code: "request_invalid", Message: err.Error()}
	}
	data, err := json.Marshal(w.do(ask))
	return vigil.Answered(data, err)
}

// Reply is the answer as a host writes it.
func (a Answer) Reply() vigil.CallReply {
	r := vigil.CallReply{OK: a.Code == "", Code: a.Code, Message: a.Message, Data: a.Data}
	if a.Op != vigil.OpQuery || !r.OK {
		return r
	}
	var columns vigil.QueryReply
	if err := json.Unmarshal(a.Data, &columns); err != nil {
		return vigil.CallReply{Code: "request_invalid", Message: "the vector's answer: " + err.Error()}
	}
	data, err := json.Marshal(columns)
	return vigil.Answered(data, err)
}

// fits reports whether a request has the members that the answer asks for.
func (a Answer) fits(request []byte) bool {
	var got map[string]json.RawMessage
	if len(a.Request) > 0 && json.Unmarshal(request, &got) != nil {
		return false
	}
	for name, want := range a.Request {
		if !sameJSON(want, got[name]) {
			return false
		}
	}
	return true
}

// do carries out one request on the state.
func (w *World) do(ask vigil.StateRequest) vigil.StateReply {
	value, found := w.state[ask.Key]
	switch ask.Do {
	case vigil.StateSet:
		w.state[ask.Key] = slices.Clone(ask.Value)
		return vigil.StateReply{}
	case vigil.StateDelete:
		delete(w.state, ask.Key)
		return vigil.StateReply{Found: found}
	case vigil.StateList:
		keys := slices.Sorted(maps.Keys(w.state))
		return vigil.StateReply{Keys: slices.DeleteFunc(keys, func(k string) bool { return !strings.HasPrefix(k, ask.Key) })}
	}
	return vigil.StateReply{Found: found, Value: value}
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
