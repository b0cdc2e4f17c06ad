package sqlite

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// number is a float64 whose JSON also carries what is not finite, as a string:
// a decision on NaN must be kept like any other.
type number float64

// MarshalJSON writes a number, or "NaN", "+Inf" or "-Inf".
func (n number) MarshalJSON() ([]byte, error) {
	f := float64(n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte(strconv.Quote(strconv.FormatFloat(f, 'g', -1, 64))), nil
	}
	return json.Marshal(f)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (n *number) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil {
		return fmt.Errorf("read number: %w", err)
	}
	*n = number(f)
	return nil
}

// The bodies shadow the fields of the dictionary's types that may hold a
// number that is not finite. The outer field wins in JSON.
type (
	decisionBody struct {
		vigil.Decision
		Value      number   `json:"value"`
		Calls      struct{} `json:"calls,omitzero"` // kept aside, see transcripts.go
		Transcript string   `json:"transcript,omitempty"`
	}
	episodeBody struct {
		vigil.Episode
		Value number `json:"value"`
	}
	remediationBody struct {
		vigil.Remediation
		Value        number           `json:"value"`
		Verification verificationBody `json:"verification,omitzero"`
	}
	verificationBody struct {
		vigil.Verification
		Value number `json:"value"`
	}
)

func encodeDecision(d vigil.Decision, transcript string) (string, error) {
	return encode(decisionBody{Decision: d, Value: number(d.Value), Transcript: transcript})
}

func decodeDecision(s string) (vigil.Decision, error) {
	b, err := decode[decisionBody](s)
	return b.decision(), err
}

func (b decisionBody) decision() vigil.Decision {
	d := b.Decision
	d.Value = float64(b.Value)
	return d
}

func encodeEpisode(e vigil.Episode) (string, error) {
	return encode(episodeBody{e, number(e.Value)})
}

func decodeEpisode(s string) (vigil.Episode, error) {
	b, err := decode[episodeBody](s)
	b.Episode.Value = float64(b.Value)
	return b.Episode, err
}

func encodeRemediation(r vigil.Remediation) (string, error) {
	return encode(remediationBody{r, number(r.Value), verificationBody{r.Verification, number(r.Verification.Value)}})
}

func decodeRemediation(s string) (vigil.Remediation, error) {
	b, err := decode[remediationBody](s)
	r := b.Remediation
	r.Value = float64(b.Value)
	r.Verification = b.Verification.Verification
	r.Verification.Value = float64(b.Verification.Value)
	return r, err
}

// encode returns text, not bytes: a STRICT text column takes no blob.
func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode row: %w", err)
	}
	return string(b), nil
}

func decode[T any](s string) (T, error) {
	var v T
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return v, fmt.Errorf("decode row: %w", err)
	}
	return v, nil
}

// sqlTime is how a time looks to people who read the tables: RFC 3339 in UTC
// with milliseconds, so that text order is time order. The zero time is "".
func sqlTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(sqlTimeLayout)
}

const sqlTimeLayout = "2006-01-02T15:04:05.000Z"
