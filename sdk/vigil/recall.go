package vigil

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
)

// The capabilities by which a guest asks for what is known.
const (
	OpQuery = "query" // of metrics; its target is metric:NAME
	OpState = "state" // of the module's own memory; its target is state:MODULE
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
	Times  []int64 `json:"times"`
	Values Values  `json:"values"`
}

// Values are numbers of which JSON also carries those that are not finite, as
// "NaN", "+Inf" and "-Inf".
type Values []float64

// MarshalJSON writes an array of numbers and words.
func (v Values) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 16+12*len(v)), '[')
	for i, f := range v {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			b = append(strconv.AppendFloat(append(b, '"'), f, 'g', -1, 64), '"')
			continue
		}
		b = strconv.AppendFloat(b, f, 'g', -1, 64)
	}
	return append(b, ']'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *Values) UnmarshalJSON(doc []byte) error {
	inner, isArray := bytes.CutPrefix(bytes.TrimSpace(doc), []byte("["))
	inner = bytes.TrimSpace(bytes.TrimSuffix(inner, []byte("]")))
	*v = (*v)[:0]
	for isArray && len(inner) > 0 {
		var one []byte
		one, inner, _ = bytes.Cut(inner, []byte(","))
		f, err := strconv.ParseFloat(string(bytes.Trim(one, " \t\r\n\"")), 64)
		if err != nil {
			return fmt.Errorf("value %.40q is no number", one)
		}
		*v = append(*v, f)
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

// Answered makes a host call's answer of what came of it. An error without a
// code of its own says nothing of the host's inside.
func Answered(data []byte, err error) CallReply {
	if err == nil {
		return CallReply{OK: true, Data: data}
	}
	e := AsError(err)
	return CallReply{Code: e.Code, Message: e.Msg}
}
