package abi

import (
	"math"
	"strconv"
	"strings"
)

// Decision is one verdict of a guest on one series of a batch.
type Decision struct {
	Series   uint32 // index into the batch's rows
	Kind     Kind
	Severity uint8
	Runbook  uint16 // index into the manifest's runbooks, or OwnRunbook
	Value    float64
	Score    float64
	At       int64  // unix nanoseconds, of the sample that decided
	Message  []byte // the guest's words; the host must not trust them to be UTF-8
	Details  []byte // names and values, as AppendDetail writes them
}

// Text is the message as a valid string of its own.
func (d Decision) Text() string { return strings.ToValidUTF8(string(d.Message), "\uFFFD") }

// AppendDetail appends one name and value to a decision's details. Each is cut
// at MaxDetails bytes.
func AppendDetail(dst []byte, name, value string) []byte {
	name, value = name[:min(len(name), MaxDetails)], value[:min(len(value), MaxDetails)]
	dst = append(add16(dst, uint16(len(name))), name...)
	return append(add16(dst, uint16(len(value))), value...)
}

// EachDetail calls f with every name and value of the decision's details. The
// bytes belong to the decision.
func (d Decision) EachDetail(f func(name, value []byte)) {
	for b := d.Details; len(b) > 0; {
		var name, value []byte
		name, b = chunk(b)
		value, b = chunk(b)
		if value == nil {
			return
		}
		f(name, value)
	}
}

// chunk splits off a length and its bytes; nil if they are not all there.
func chunk(b []byte) (head, rest []byte) {
	if len(b) < 2 || int(get16(b)) > len(b)-2 {
		return nil, nil
	}
	n := 2 + int(get16(b))
	return b[2:n:n], b[n:]
}

func wellFormed(details []byte) bool {
	for n := 0; len(details) > 0 || n%2 == 1; n++ {
		var head []byte
		if head, details = chunk(details); head == nil {
			return false
		}
	}
	return true
}

// AppendDecisions appends the answer of vigil_eval. A message that repeats the
// one before it is stored once.
func AppendDecisions(dst []byte, decisions []Decision) []byte {
	records, arena := make([]Record, 0, len(decisions)), []byte(nil)
	for i, d := range decisions {
		r := Record{
			Series: d.Series, Kind: d.Kind, Severity: d.Severity, Runbook: d.Runbook, Value: d.Value, Score: d.Score, At: d.At,
			MsgOff: uint32(len(arena)), MsgLen: uint32(len(d.Message)),
		}
		if i > 0 && string(d.Message) == string(decisions[i-1].Message) {
			r.MsgOff = records[i-1].MsgOff
		} else {
			arena = append(arena, d.Message...)
		}
		r.KVOff, r.KVLen = uint32(len(arena)), uint32(len(d.Details))
		arena = append(arena, d.Details...)
		records = append(records, r)
	}
	return AppendReply(dst, records, arena)
}

// ReadDecisions appends to dst the decisions in b, the whole region that
// vigil_eval answered, for a batch of so many series. Messages and details
// point into b: copy what must outlive the guest's next call. On an error dst
// is returned as it was.
func ReadDecisions(dst []Decision, b []byte, series int) ([]Decision, error) {
	if len(b) < replyHead || uint64(len(b)) > math.MaxUint32 {
		return dst, bad("reply length", -1)
	}
	count := get32(b)
	if count > MaxDecisions || !region(replyHead, count, DecisionSize, uint32(len(b))) {
		return dst, bad("reply count", -1)
	}
	read, text := dst, 0
	for i := range int(count) {
		d, ok := readDecision(b, b[replyHead+DecisionSize*i:])
		if uint64(d.Series) >= uint64(max(series, 0)) {
			return dst, ForeignError{Decision: i, Series: d.Series, Asked: series}
		}
		if text += len(d.Message) + len(d.Details); !ok || text > MaxText {
			return dst, bad("decision", i)
		}
		read = append(read, d)
	}
	return read, nil
}

// ForeignError is a decision about a series that the guest was not asked about.
type ForeignError struct {
	Decision int    // its place in the reply
	Series   uint32 // that it speaks of
	Asked    int    // how many there are
}

func (e ForeignError) Error() string {
	return "abi: decision " + strconv.Itoa(e.Decision) + " is about series " + strconv.FormatUint(uint64(e.Series), 10) + " of " + strconv.Itoa(e.Asked)
}

// Unwrap returns the error that any decision has which does not fit.
func (e ForeignError) Unwrap() error { return bad("decision", e.Decision) }

func readDecision(b, record []byte) (Decision, bool) {
	r := readRecord(record)
	d := Decision{Series: r.Series, Kind: r.Kind, Severity: r.Severity, Runbook: r.Runbook, Value: r.Value, Score: r.Score, At: r.At}
	if r.Kind > KindInfo || r.MsgLen > MaxMessage || r.KVLen > MaxDetails ||
		!region(r.MsgOff, r.MsgLen, 1, uint32(len(b))) || !region(r.KVOff, r.KVLen, 1, uint32(len(b))) {
		return d, false
	}
	if end := r.MsgOff + r.MsgLen; r.MsgLen > 0 {
		d.Message = b[r.MsgOff:end:end]
	}
	if end := r.KVOff + r.KVLen; r.KVLen > 0 {
		d.Details = b[r.KVOff:end:end]
	}
	return d, wellFormed(d.Details)
}
