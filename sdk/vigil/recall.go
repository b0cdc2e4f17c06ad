package vigil

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// The capabilities by which a guest asks for what is known.
const (
	OpQuery = "query" // of metrics; its target is metric:NAME
	OpState = "state" // of the module's own memory; its target is state:MODULE

	OpEvery = "*" // in a transcript: this call and all that followed were refused
)

// QueryRequest is the request of the capability query: the samples with
// From ≤ time ≤ To of the series that a PromQL vector selector selects. The
// selector names its metric, since grants are for metrics.
type QueryRequest struct {
	Select string `json:"select"`
	From   int64  `json:"from"` // unix nanoseconds, not negative
	To     int64  `json:"to"`
}

// QueryReply is the data of query's answer. Series without a sample in the
// range are left out.
type QueryReply struct {
	Series []History `json:"series"`
}

// History is a series with samples: Times are unix nanoseconds, ascending, each
// once, and Values stand beside them.
type History struct {
	Series
	Times  Times  `json:"times"`
	Values Values `json:"values"`
}

// Times are a column of unix nanoseconds. In JSON they are what they are in a
// batch, little endian of 8 bytes each, in base64: a guest reads that at a
// hundredth of what an array of numbers costs. An array is read, too.
type Times []int64

// Values are a column of numbers, written as Times are. In an array those that
// are not finite are "NaN", "+Inf" and "-Inf".
type Values []float64

// MarshalJSON writes base64.
func (t Times) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 8*len(t))
	for _, n := range t {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return json.Marshal(b)
}

// MarshalJSON writes base64.
func (v Values) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 8*len(v))
	for _, f := range v {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	return json.Marshal(b)
}

// UnmarshalJSON reads base64 or an array.
func (t *Times) UnmarshalJSON(doc []byte) error {
	if bytes.HasPrefix(doc, []byte("[")) {
		return json.Unmarshal(doc, (*[]int64)(t))
	}
	return column(doc, func(size int) { *t = make(Times, 0, size) }, func(bits uint64) { *t = append(*t, int64(bits)) })
}

// UnmarshalJSON reads base64 or an array.
func (v *Values) UnmarshalJSON(doc []byte) error {
	if !bytes.HasPrefix(doc, []byte("[")) {
		return column(doc, func(size int) { *v = make(Values, 0, size) }, func(bits uint64) { *v = append(*v, math.Float64frombits(bits)) })
	}
	var words []json.RawMessage
	if err := json.Unmarshal(doc, &words); err != nil {
		return err
	}
	*v = make(Values, len(words))
	for i, word := range words {
		f, err := strconv.ParseFloat(string(bytes.Trim(word, `"`)), 64)
		if err != nil {
			return fmt.Errorf("value %.40q is no number", word)
		}
		(*v)[i] = f
	}
	return nil
}

// column reads a base64 column of 8 bytes each.
func column(doc []byte, room func(int), add func(bits uint64)) error {
	var b []byte
	if err := json.Unmarshal(doc, &b); err != nil {
		return err
	}
	if len(b)%8 != 0 {
		return fmt.Errorf("a column of %d bytes: want a multiple of 8", len(b))
	}
	room(len(b) / 8)
	for ; len(b) > 0; b = b[8:] {
		add(binary.LittleEndian.Uint64(b))
	}
	return nil
}

// The verbs of StateRequest.
const (
	StateGet    = "get"
	StateSet    = "set"
	StateDelete = "delete"
	StateList   = "list"
)

// StateRequest is the request of the capability state, the module's own memory:
// one namespace for each tenant, kind and name of a module. Key is at most 256
// bytes of text, Value at most 64 KiB; a namespace holds at most 1,000 keys and
// 1 MiB of keys and values.
type StateRequest struct {
	Do    string `json:"do"`              // get, set, delete or list
	Key   string `json:"key,omitempty"`   // of list: what the keys begin with
	Value []byte `json:"value,omitempty"` // of set; base64 in JSON
}

// StateReply is the data of state's answer.
type StateReply struct {
	Found bool     `json:"found,omitempty"` // get, delete: the key was there
	Value []byte   `json:"value,omitempty"` // get
	Keys  []string `json:"keys,omitempty"`  // list: in order
}

// StateEntry is one key of a module's state as a person sees it.
type StateEntry struct {
	Key   string `json:"key"`
	Value []byte `json:"value"` // base64 in JSON
}

// Answered makes a host call's answer of what came of it. An error without a
// code of its own says nothing of the host's inside.
func Answered(data []byte, err error) CallReply {
	if err == nil {
		return CallReply{OK: true, Data: data}
	}
	e := AsError(err)
	return CallReply{Code: e.Code, Message: e.Msg}
}
