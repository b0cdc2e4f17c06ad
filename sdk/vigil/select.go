package vigil

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// Bounds of how often a policy's query is evaluated.
const (
	minEvery = time.Second
	maxEvery = time.Hour
)

// Select says what a policy judges: the samples of the series that a selector
// selects, each as it comes, or the results of a query, evaluated every so
// often. In a document the former is a text, the latter an object:
//
//	select: cpu_usage{env="prod"}
//	select: {query: 'rate(errors_total[1m]) / rate(requests_total[1m])', every: 15s}
type Select struct {
	Selector string   // a PromQL vector selector
	Query    string   // a PromQL expression; either this or Selector is given
	Every    Duration // of Query
}

// queried is the form of a query in a document.
type queried struct {
	Query string   `json:"query"`
	Every Duration `json:"every"`
}

// IsQuery reports whether a query is evaluated.
func (s Select) IsQuery() bool { return s.Query != "" || s.Every != 0 }

// String renders the selection for people, in one line.
func (s Select) String() string {
	if s.IsQuery() {
		return s.Query + " every " + s.Every.String()
	}
	return s.Selector
}

// MarshalJSON writes a selector as a text and a query as an object.
func (s Select) MarshalJSON() ([]byte, error) {
	if s.IsQuery() {
		return json.Marshal(queried{s.Query, s.Every})
	}
	return json.Marshal(s.Selector)
}

// UnmarshalJSON reads either form, strictly.
func (s *Select) UnmarshalJSON(doc []byte) error {
	doc = bytes.TrimSpace(doc)
	switch {
	case bytes.Equal(doc, []byte("null")):
		return nil
	case len(doc) > 0 && doc[0] == '"':
		*s = Select{}
		return json.Unmarshal(doc, &s.Selector)
	case len(doc) == 0 || doc[0] != '{':
		return selectError("select", "want a selector, or {query: EXPRESSION, every: 15s}")
	}
	var q queried
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		e, field := AsError(undecoded(err)), "select"
		if inner, ok := e.Fields["field"].(string); ok {
			field += "." + inner
		} else if _, name, ok := strings.Cut(e.Msg, `unknown field "`); ok {
			field += "." + strings.TrimSuffix(name, `"`)
		}
		return e.With("field", field)
	}
	*s = Select{Query: q.Query, Every: q.Every}
	if !s.IsQuery() {
		return selectError("select.query", "missing; write the PromQL expression to evaluate")
	}
	return nil
}

// check reports what is wrong with the selection, whatever its PromQL says.
func (s Select) check() (field, wrong string) {
	switch {
	case !s.IsQuery() && s.Selector == "":
		return "select", "an empty selector matches nothing; name a metric, for example cpu_usage"
	case !s.IsQuery():
		return "", ""
	case s.Selector != "":
		return "select", "is a selector and a query; want one of them"
	case s.Query == "":
		return "select.query", "missing; write the PromQL expression to evaluate"
	case s.Every == 0:
		return "select.every", "missing; say how often the query is evaluated, for example every: 15s"
	case s.Every.D() < minEvery || s.Every.D() > maxEvery:
		return "select.every", "want from 1s to 1h, have " + s.Every.String()
	}
	return "", ""
}

func selectError(field, wrong string) *Error {
	return Errorf(Invalid, "policy_invalid", "policy: %s: %s", field, wrong).With("field", field)
}
