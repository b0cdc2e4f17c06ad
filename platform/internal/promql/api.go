package promql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Options of an API.
type Options struct {
	History History
	Limits  Limits
	Version string // of this program
	Now     func() time.Time
	Log     *slog.Logger
}

// API answers the Prometheus HTTP API of one tenant:
// https://prometheus.io/docs/prometheus/latest/querying/api/. It has what
// Grafana and other readers of series ask for. Its methods may be called at
// the same time.
type API struct {
	o       Options
	engine  *prom.Engine
	parser  parser.Parser
	running chan struct{} // a token per query under way
}

// NewAPI returns an API.
func NewAPI(o Options) *API {
	o.Limits = o.Limits.filled()
	return &API{
		o: o, engine: NewEngine(o.Limits, o.Log, false), parser: parser.NewParser(parser.Options{}),
		running: make(chan struct{}, o.Limits.Running),
	}
}

// Close waits for queries under way.
func (a *API) Close() error { return a.engine.Close() }

// Answer answers an endpoint below /api/v1: its last word, or label_values
// with a label's name. The body is JSON, of an error too.
func (a *API) Answer(ctx context.Context, endpoint, label string, values url.Values) (status int, body []byte) {
	answer := map[string]func(context.Context, params) (reply, error){
		"query":           a.query,
		"query_range":     a.queryRange,
		"labels":          a.labels,
		"label_values":    func(ctx context.Context, p params) (reply, error) { return a.labelValues(ctx, label, p) },
		"series":          a.series,
		"metadata":        fixed(`{}`),
		"rules":           fixed(`{"groups":[]}`), // Vigil judges by policies
		"alerts":          fixed(`{"alerts":[]}`),
		"query_exemplars": fixed(`[]`),
		"buildinfo":       a.buildInfo,
	}[endpoint]
	if answer == nil {
		return failure(fault{http.StatusNotFound, "not_found", "not_found", "this endpoint is not served"})
	}
	said, err := answer(ctx, params{values, a.o.Now()})
	if err != nil {
		return failure(err)
	}
	return http.StatusOK, said.json()
}

// reply is an answer that succeeds: data in JSON, and remarks on it.
type reply struct {
	data            []byte
	warnings, infos []string
}

func (r reply) json() []byte {
	out := append([]byte(`{"status":"success","data":`), r.data...)
	out = appendRemarks(out, `,"warnings":`, r.warnings)
	out = appendRemarks(out, `,"infos":`, r.infos)
	return append(out, '}')
}

func appendRemarks(dst []byte, member string, remarks []string) []byte {
	if len(remarks) == 0 {
		return dst
	}
	list, _ := json.Marshal(remarks) // strings, cannot fail
	return append(append(dst, member...), list...)
}

// truncated is what Prometheus remarks on an answer that a limit has cut.
const truncated = "results truncated due to limit"

func fixed(data string) func(context.Context, params) (reply, error) {
	return func(context.Context, params) (reply, error) { return reply{data: []byte(data)}, nil }
}

// fault is an error in the API's words, with the code that Vigil has for it.
type fault struct {
	status int
	kind   string
	code   string
	says   string
}

// Error says what is wrong.
func (f fault) Error() string { return f.says }

func badData(format string, args ...any) error {
	return fault{http.StatusBadRequest, "bad_data", "parameter_invalid", fmt.Sprintf(format, args...)}
}

// codeExpensive is Vigil's word for what would cost too much.
const codeExpensive = "query_too_expensive"

// tooExpensive is for what can be seen to cost too much.
func tooExpensive(format string, args ...any) error {
	return fault{http.StatusUnprocessableEntity, "execution", codeExpensive, fmt.Sprintf("query_too_expensive: "+format, args...)}
}

// failure is the answer of an error.
func failure(err error) (int, []byte) {
	f := faultOf(err)
	body, _ := json.Marshal(map[string]string{"status": "error", "errorType": f.kind, "error": f.says, "code": f.code}) // strings, cannot fail
	return f.status, body
}

// faultOf sorts an error as Prometheus does; what is nobody's fault but ours
// says nothing of our inside.
func faultOf(err error) fault {
	var own fault
	var timeout prom.ErrQueryTimeout
	var canceled prom.ErrQueryCanceled
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &timeout), errors.Is(err, context.DeadlineExceeded):
		return fault{http.StatusServiceUnavailable, "timeout", "query_timeout", "the query took too long; ask for fewer series or a shorter range"}
	case errors.As(err, &canceled), errors.Is(err, context.Canceled):
		return fault{http.StatusServiceUnavailable, "canceled", "query_canceled", "the query was canceled"}
	case isTooExpensive(err):
		return fault{http.StatusUnprocessableEntity, "execution", codeExpensive, "query_too_expensive: the query would read too many samples; ask for fewer series or a shorter range"}
	}
	if e, ours := errors.AsType[*vigil.Error](err); ours && e.Kind == vigil.Internal {
		return fault{http.StatusInternalServerError, "internal", "storage_failed", "the stored samples cannot be read"}
	}
	return fault{http.StatusUnprocessableEntity, "execution", "query_failed", err.Error()}
}
