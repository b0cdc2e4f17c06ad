package ingest

import (
	"bytes"
	"sync"
	"unicode/utf8"

	"github.com/prometheus/otlptranslator"
)

// maxNames bounds the names that are remembered; over it all are forgotten.
const maxNames = 8192

// names translates OpenTelemetry's names as Prometheus does under its strategy
// UnderscoreEscapingWithSuffixes: http.server.duration in ms is
// http_server_duration_milliseconds, a counter ends in _total. Translating takes
// a dozen allocations, so that what was translated is remembered.
type names struct {
	mu      sync.RWMutex // guards all below
	metrics map[string]name
	labels  map[string]name
}

// name is a translated name, or why there is none.
type name struct {
	text []byte
	code string
}

// metric translates a metric's name and unit.
func (n *names) metric(from, unit []byte, kind otlptranslator.MetricType) ([]byte, fault) {
	var room [256]byte
	key := append(append(append(room[:0], byte(kind)), unit...), 0)
	key = append(key, from...)
	got := n.remember(&n.metrics, key, func() name {
		if !utf8.Valid(from) || !utf8.Valid(unit) {
			return name{code: "name_invalid"}
		}
		namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
		text, err := namer.Build(otlptranslator.Metric{Name: string(from), Unit: string(unit), Type: kind})
		if err != nil {
			return name{code: "name_invalid"}
		}
		return name{text: []byte(text)}
	})
	if len(from) == 0 {
		got.code = "sample_name_missing"
	}
	if got.code != "" {
		return nil, fault{"name", got.code}
	}
	return got.text, fault{}
}

// label translates an attribute's key.
func (n *names) label(key []byte) ([]byte, string) {
	if plainLabel(key) {
		return key, ""
	}
	got := n.remember(&n.labels, key, func() name {
		if !utf8.Valid(key) {
			return name{code: "label_invalid_utf8"}
		}
		var namer otlptranslator.LabelNamer
		text, err := namer.Build(string(key))
		if err != nil {
			return name{code: "label_name_invalid"}
		}
		return name{text: []byte(text)}
	})
	return got.text, got.code
}

// plainLabel reports whether a key is its own translation.
func plainLabel(key []byte) bool {
	for i, c := range key {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', i > 0 && c >= '0' && c <= '9':
		case c == '_' && i > 0 && i+1 < len(key) && key[i-1] != '_':
		default:
			return false
		}
	}
	return len(key) > 0
}

// remember looks key up in one of the maps, or asks and remembers. Long names are
// not worth it.
func (n *names) remember(in *map[string]name, key []byte, ask func() name) name {
	n.mu.RLock()
	got, ok := (*in)[string(key)]
	n.mu.RUnlock()
	if ok {
		return got
	}
	got = ask()
	if len(key) > 512 {
		return got
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if *in == nil || len(*in) >= maxNames {
		*in = map[string]name{}
	}
	got.text = bytes.Clone(got.text)
	(*in)[string(key)] = got
	return got
}
