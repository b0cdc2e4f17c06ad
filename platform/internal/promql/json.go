package promql

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// appendValue writes a result as the API documents it: an object with its type
// and its values, numbers as text because JSON has no NaN.
func appendValue(dst []byte, v parser.Value) ([]byte, error) {
	dst = append(dst, `{"resultType":"`...)
	dst = append(append(dst, v.Type()...), `","result":`...)
	switch v := v.(type) {
	case prom.Scalar:
		dst = appendPoint(dst, v.T, v.V)
	case prom.String:
		text, _ := json.Marshal(v.V) // a string, cannot fail
		dst = append(appendTime(append(dst, '['), v.T), ',')
		dst = append(append(dst, text...), ']')
	case prom.Vector:
		dst = append(dst, '[')
		for i, s := range v {
			if s.H != nil {
				return nil, fmt.Errorf("native histograms are not kept")
			}
			dst = append(appendMetric(comma(dst, i), s.Metric), `,"value":`...)
			dst = append(appendPoint(dst, s.T, s.F), '}')
		}
		dst = append(dst, ']')
	case prom.Matrix:
		dst = append(dst, '[')
		for i, s := range v {
			dst = append(appendMetric(comma(dst, i), s.Metric), `,"values":[`...)
			for k, p := range s.Floats {
				dst = appendPoint(comma(dst, k), p.T, p.F)
			}
			dst = append(dst, ']', '}')
		}
		dst = append(dst, ']')
	default:
		return nil, fmt.Errorf("a result of type %s cannot be shown", v.Type())
	}
	return append(dst, '}'), nil
}

func comma(dst []byte, i int) []byte {
	if i > 0 {
		return append(dst, ',')
	}
	return dst
}

func appendMetric(dst []byte, m labels.Labels) []byte {
	return appendLabels(append(dst, `{"metric":`...), m)
}

func appendLabels(dst []byte, m labels.Labels) []byte {
	dst = append(dst, '{')
	n := 0
	m.Range(func(l labels.Label) {
		name, _ := json.Marshal(l.Name) // strings, cannot fail
		value, _ := json.Marshal(l.Value)
		dst = append(append(append(comma(dst, n), name...), ':'), value...)
		n++
	})
	return append(dst, '}')
}

// appendPoint writes [seconds, "value"].
func appendPoint(dst []byte, ms int64, v float64) []byte {
	dst = append(appendTime(append(dst, '['), ms), ',', '"')
	return append(appendNumber(dst, v), '"', ']')
}

// appendTime writes milliseconds as seconds.
func appendTime(dst []byte, ms int64) []byte {
	if ms < 0 {
		dst, ms = append(dst, '-'), -ms
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	if part := ms % 1000; part != 0 {
		dst = append(dst, '.', byte('0'+part/100), byte('0'+part/10%10), byte('0'+part%10))
	}
	return dst
}

// appendNumber writes a value as Prometheus does: as short as it can be read
// back, with an exponent only where it is very large or small.
func appendNumber(dst []byte, v float64) []byte {
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, v, format, -1, 64)
}
