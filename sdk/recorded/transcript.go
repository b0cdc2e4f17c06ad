package recorded

import (
	"encoding/json"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Transcript answers the calls of an evaluation as they were answered before, in
// their order. It is not safe for concurrent use.
type Transcript struct {
	lines []vigil.HostCall
	next  int
}

// Replay answers by the lines of a decision's transcript.
func Replay(lines []vigil.HostCall) *Transcript { return &Transcript{lines: lines} }

// Call answers as a host did. Its error is always nil.
func (t *Transcript) Call(op string, request []byte) ([]byte, error) {
	return json.Marshal(t.answer(op, request))
}

// Rest is how many recorded calls were not made yet.
func (t *Transcript) Rest() int { return len(t.lines) - t.next }

func (t *Transcript) answer(op string, request []byte) vigil.CallReply {
	if t.next == len(t.lines) {
		return vigil.CallReply{Code: "replay_diverged", Message: "the guest asks for more than was recorded"}
	}
	line := t.lines[t.next]
	switch {
	case line.Op != op || line.Cut == 0 && !sameJSON(line.Request, request):
		return vigil.CallReply{Code: "replay_diverged", Message: "the guest asks for " + op + ", which is not what was recorded next"}
	case line.Cut > 0 && line.Code == "":
		return vigil.CallReply{Code: "transcript_cut", Message: "the answer was too long to be recorded"}
	}
	t.next++
	return vigil.CallReply{OK: line.Code == "", Code: line.Code, Message: line.Message, Data: line.Reply}
}
