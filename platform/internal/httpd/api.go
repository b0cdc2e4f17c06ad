package httpd

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v3"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// newAPI is huma without its own documents, schema links and error model.
func newAPI(s *site) huma.API {
	return huma.NewAPI(huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Vigil", Version: s.opt.Version},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}, // and +json
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{ownProblems},
	}, adapter{s})
}

// ownProblems replaces the errors that huma finds itself. What they quote of
// the request is dropped.
func ownProblems(ctx huma.Context, status string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	e := vigil.Errorf(vigil.Invalid, "parameter_invalid", "%s", m.Detail)
	switch m.Status {
	case http.StatusBadRequest:
		e = errEmpty()
	case http.StatusInternalServerError:
		e = vigil.Errorf(vigil.Internal, "internal", "internal error")
	}
	for _, d := range m.Errors {
		e = e.With("field", d.Location)
		_, name, _ := strings.Cut(d.Location, ".")
		e.Msg = name + ": " + d.Message
	}
	r, _ := ctx.Context().Value(requestKey{}).(*request)
	p := problemOf(e, r.id)
	p.Status, _ = strconv.Atoi(status) // huma has decided it
	p.Title = http.StatusText(p.Status)
	return p, nil
}

// none is the input of an operation without parameters.
type none struct{}

// items is the answer of every list.
type items[T any] struct {
	Items []T `json:"items"`
}

// listed is a list as an answer; never null.
func listed[T any](v []T) *answer200[items[T]] {
	if v == nil {
		v = []T{}
	}
	return &answer200[items[T]]{Body: items[T]{Items: v}}
}

// answer200 is an answer of one body.
type answer200[T any] struct{ Body T }

// answerAny is an answer that chooses its status.
type answerAny[T any] struct {
	Status int
	Body   T
}

// bind makes an operation of a route: pick names the part of the tenant that
// answers it. docs may refine the operation.
func bind[P comparable, I, O any](s *site, id string, pick func(Tenant) P, h func(context.Context, *request, P, *I) (*O, error), docs ...func(*huma.Operation)) {
	rt := routeByID(id)
	op := huma.Operation{
		OperationID: id, Method: rt.Method, Path: rt.Path, Summary: rt.Says,
		SkipValidateBody: true, // decode checks bodies, and says more
		Responses:        map[string]*huma.Response{"default": problemResponse(s.api)},
	}
	for _, d := range docs {
		d(&op)
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		r, _ := ctx.Value(requestKey{}).(*request)
		out, err := answerWith(ctx, r, pick(r.tenant), in, h)
		if err != nil {
			return nil, s.problem(r, err)
		}
		return out, nil
	})
}

func answerWith[P comparable, I, O any](ctx context.Context, r *request, part P, in *I, h func(context.Context, *request, P, *I) (*O, error)) (*O, error) {
	var missing P
	if part == missing {
		return nil, vigil.Errorf(vigil.NotFound, "not_available", "this process does not serve that")
	}
	return h(ctx, r, part, in)
}

// problemResponse documents every answer that is not a success.
func problemResponse(api huma.API) *huma.Response {
	return &huma.Response{Description: "What went wrong", Content: map[string]*huma.MediaType{
		problemType: {Schema: schemaOf[problem](api)},
	}}
}

func schemaOf[T any](api huma.API) *huma.Schema {
	return api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}

// takes documents a request body of type T, which the handler decodes itself.
func takes[T any](s *site, contentTypes ...string) func(*huma.Operation) {
	return func(op *huma.Operation) {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
		for _, ct := range append([]string{"application/json"}, contentTypes...) {
			op.RequestBody.Content[ct] = &huma.MediaType{Schema: schemaOf[T](s.api)}
		}
	}
}

// documented binds a raw handler and tells OpenAPI of it.
func (s *site) documented(id string, h handler, docs ...func(*huma.Operation)) {
	s.document(id, docs...)
	s.raw(id, h)
}

// document tells OpenAPI of a route that is bound elsewhere.
func (s *site) document(id string, docs ...func(*huma.Operation)) {
	rt := routeByID(id)
	op := huma.Operation{
		OperationID: id, Method: rt.Method, Path: rt.Path, Summary: rt.Says,
		Responses: map[string]*huma.Response{"200": {Description: "OK"}, "default": problemResponse(s.api)},
	}
	for _, name := range pathParams(rt.Path) {
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	for _, d := range docs {
		d(&op)
	}
	s.api.OpenAPI().AddOperation(&op)
}

// openapi serves the document as it stands when all routes are bound.
func (s *site) openapi() error {
	doc, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	s.raw("openapi", func(_ context.Context, c fiber.Ctx, _ *request) error {
		return answer(c, http.StatusOK, json.RawMessage(doc))
	})
	return nil
}
