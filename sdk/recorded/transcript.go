package recorded

import (
	"encoding/json"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Transcript answers the calls of an evaluation as they were answered before, in
// their order. Some may be left out: those that the guest made for other series
// of the same batch. It is not safe for concurrent use.
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

func (t *Transcript) answer(op string, request []byte) vigil.CallReply {
	for i, line := range t.lines[t.next:] {
		switch {
		case line.Op == vigil.OpEvery:
			return vigil.CallReply{Code: line.Code, Message: line.Message}
		case line.Op != op || line.Cut == 0 && !sameJSON(line.Request, request):
			continue
		case line.Cut > 0:
			return vigil.CallReply{Code: "transcript_cut", Message: "the call was too long to be recorded"}
		}
		t.next += i + 1
		return vigil.CallReply{OK: line.Code == "", Code: line.Code, Message: line.Message, Data: line.Reply}
	}
	return vigil.CallReply{Code: "replay_diverged", Message: "the guest asks for what was not recorded, or not after what it asked before"}
}
