package policytest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/recorded"
)

// maxVector bounds a vector's file, in bytes.
const maxVector = 8 << 20

// Vector is one test case: what a policy sees and what it should say.
type Vector struct {
	Doc      string          `json:"doc"`
	Settings json.RawMessage `json:"settings"`
	Series   []Series        `json:"series"`
	Want     []Decision      `json:"want"`
	recorded.Scene
	Refused *Refusal `json:"refused"`
}

// Series is a series of a vector with its samples, in the order of time.
type Series struct {
	Name    string            `json:"name"`
	Labels  map[string]string `json:"labels"`
	Samples []Sample          `json:"samples"`
}

// Sample is a value at a time, written [seconds, value].
type Sample struct {
	At    time.Duration // since the vector's start
	Value float64
}

// Decision is what a policy says, or should say, of a series. Nil fields of a
// wanted one match anything.
type Decision struct {
	Series   int      `json:"series"` // index into the vector's series
	Kind     string   `json:"kind"`   // ok, fire, no_data or info
	At       Seconds  `json:"at"`
	Value    *Value   `json:"value,omitempty"`
	Message  *string  `json:"message,omitempty"`
	Severity *uint8   `json:"severity,omitempty"`
	Runbook  *uint16  `json:"runbook,omitempty"`
	Score    *float64 `json:"score,omitempty"`
}

// Refusal is the fault that the vector's settings should meet.
type Refusal struct {
	Code string `json:"code"`
	Path string `json:"path"`
}

// Seconds is a time since the vector's start, written in seconds.
type Seconds time.Duration

// UnmarshalJSON reads a number of seconds.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	var v float64
	if err := json.Unmarshal(b, &v); err != nil || math.Abs(v) > 1e9 {
		return fmt.Errorf("time %s: want seconds", b)
	}
	*s = Seconds(math.Round(v * float64(time.Second)))
	return nil
}

// MarshalJSON writes a number of seconds.
func (s Seconds) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

// Value is a float64 that JSON can always carry.
type Value float64

// UnmarshalJSON reads a number, "NaN", "+Inf" or "-Inf".
func (v *Value) UnmarshalJSON(b []byte) error {
	if word, ok := map[string]float64{`"NaN"`: math.NaN(), `"+Inf"`: math.Inf(1), `"-Inf"`: math.Inf(-1)}[string(b)]; ok {
		*v = Value(word)
		return nil
	}
	return json.Unmarshal(b, (*float64)(v))
}

// MarshalJSON writes what UnmarshalJSON reads.
func (v Value) MarshalJSON() ([]byte, error) {
	f := float64(v)
	switch {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 0):
		return fmt.Appendf(nil, `"%+v"`, f), nil
	}
	return json.Marshal(f)
}

// UnmarshalJSON reads [seconds, value].
func (s *Sample) UnmarshalJSON(b []byte) error {
	var parts []json.RawMessage
	var at Seconds
	var value Value
	err := json.Unmarshal(b, &parts)
	if err == nil && len(parts) != 2 {
		err = fmt.Errorf("sample %s: want [seconds, value]", b)
	}
	if err == nil {
		err = json.Unmarshal(parts[0], &at)
	}
	if err == nil {
		err = json.Unmarshal(parts[1], &value)
	}
	*s = Sample{At: time.Duration(at), Value: float64(value)}
	return err
}

// Parse reads a vector. Fields it does not know and samples out of the order
// of time are refused.
func Parse(doc []byte) (Vector, error) {
	var v Vector
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		return Vector{}, fmt.Errorf("decode vector: %w", err)
	}
	return v, v.check()
}

func (v Vector) check() error {
	for i, s := range v.Series {
		if s.Name == "" {
			return fmt.Errorf("series %d has no name", i)
		}
		if !slices.IsSortedFunc(s.Samples, func(a, b Sample) int { return cmp.Compare(a.At, b.At) }) {
			return fmt.Errorf("samples of series %d are not in the order of time", i)
		}
	}
	kinds := []string{abi.KindOK.String(), abi.KindFire.String(), abi.KindNoData.String(), abi.KindInfo.String()}
	for i, d := range v.Want {
		if d.Series < 0 || d.Series >= len(v.Series) {
			return fmt.Errorf("wanted decision %d: there is no series %d", i, d.Series)
		}
		if !slices.Contains(kinds, d.Kind) {
			return fmt.Errorf("wanted decision %d: kind %q is none of %q", i, d.Kind, kinds)
		}
	}
	if len(compress(slices.Clone(v.Want))) < len(v.Want) {
		return errors.New("a wanted decision repeats the kind of the one before it")
	}
	return nil
}

// Load reads a vector's file.
func Load(fsys fs.FS, path string) (Vector, error) {
	info, err := fs.Stat(fsys, path)
	if err != nil {
		return Vector{}, fmt.Errorf("find vector: %w", err)
	}
	if info.Size() > maxVector {
		return Vector{}, fmt.Errorf("vector %s has more than %d bytes", path, maxVector)
	}
	doc, err := fs.ReadFile(fsys, path)
	if err != nil {
		return Vector{}, fmt.Errorf("read vector: %w", err)
	}
	v, err := Parse(doc)
	if err != nil {
		return Vector{}, fmt.Errorf("vector %s: %w", path, err)
	}
	return v, nil
}
