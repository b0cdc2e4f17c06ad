package policy

import (
	"unicode/utf8"

	"github.com/techmedaddy/vigil/sdk/abi"
)

// Decisions collects what a policy says. Each decision is on the last sample
// of the series it is given; Series.At picks another.
type Decisions struct {
	reply abi.Reply // the records: their offsets count from the arena's start
	arena []byte    // messages and details
	text  int       // bytes of text as the host counts them: shared ones for each
	spare abi.Record
	over  bool // more than abi.MaxDecisions were made
}

// OK says that the series is well.
func (d *Decisions) OK(s Series) Decision { return d.add(s, abi.KindOK, "") }

// Fire says that the series is bad, and why.
func (d *Decisions) Fire(s Series, message string) Decision {
	return d.add(s, abi.KindFire, message)
}

// NoData says that the sample tells nothing, for example because its value is
// no finite number. Missing is not bad: it never starts an action.
func (d *Decisions) NoData(s Series) Decision { return d.add(s, abi.KindNoData, "") }

// Info tells people something of the series that never starts an action.
func (d *Decisions) Info(s Series, message string) Decision {
	return d.add(s, abi.KindInfo, message)
}

// Decision is the one just made, to say more about it. It is valid until the
// next one is made.
type Decision struct {
	rec *abi.Record
	out *Decisions
}

// Severity ranks the decision; 0 is the default and the lowest.
func (d Decision) Severity(level uint8) Decision {
	d.rec.Severity = level
	return d
}

// Runbook names the runbook of the module's manifest that treats this, instead
// of the policy's own.
func (d Decision) Runbook(index uint16) Decision {
	d.rec.Runbook = index
	return d
}

// Score says how far from well the series is, on the policy's own scale.
func (d Decision) Score(score float64) Decision {
	d.rec.Score = score
	return d
}

// Detail adds a name and a value that explain the decision. What does not fit
// into abi.MaxDetails or the reply is left out.
func (d Decision) Detail(name, value string) Decision {
	out, size := d.out, 4+len(name)+len(value)
	if int(d.rec.KVLen)+size > abi.MaxDetails || out.text+size > abi.MaxText {
		return d
	}
	if d.rec.KVLen == 0 {
		d.rec.KVOff = uint32(len(out.arena))
	}
	out.arena = abi.AppendDetail(out.arena, name, value)
	d.rec.KVLen += uint32(size)
	out.text += size
	return d
}

func (d *Decisions) add(s Series, kind abi.Kind, message string) Decision {
	rec := &d.spare
	if d.reply.Len() < abi.MaxDecisions {
		rec = d.reply.Add()
	} else {
		d.over = true
	}
	rec.Series, rec.Kind, rec.Severity, rec.Runbook = s.row, kind, 0, abi.OwnRunbook
	rec.At, rec.Value = s.newest()
	rec.Score, rec.MsgOff, rec.MsgLen, rec.KVOff, rec.KVLen = 0, 0, 0, 0, 0
	if message != "" {
		d.say(rec, message)
	}
	return Decision{rec, d}
}

// say gives rec, the last record, its message, cut to what a reply may hold.
// One that repeats the message before it shares its bytes.
func (d *Decisions) say(rec *abi.Record, message string) {
	message = cut(message, min(abi.MaxMessage, abi.MaxText-d.text))
	rec.MsgLen = uint32(len(message))
	d.text += len(message)
	if n := d.reply.Len(); n > 1 {
		last := d.reply.At(n - 2)
		if string(d.arena[last.MsgOff:last.MsgOff+last.MsgLen]) == message {
			rec.MsgOff = last.MsgOff
			return
		}
	}
	rec.MsgOff = uint32(len(d.arena))
	d.arena = append(d.arena, message...)
}

// cut shortens s to at most n bytes, never within a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// reset forgets the decisions and keeps the memory.
func (d *Decisions) reset() {
	d.reply.Reset()
	d.arena, d.text, d.over = d.arena[:0], 0, false
}

// tooMany is why a reply is refused whole: to leave some decisions out would
// be to decide something else.
func tooMany() error {
	return &Fault{Errno: abi.ErrBadInput, Code: "too_many_decisions", Message: "more decisions than a reply holds; send smaller batches"}
}
