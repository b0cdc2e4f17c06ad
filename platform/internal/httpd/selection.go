package httpd

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// selection documents vigil.Select, which is a text or an object.
type selection struct{}

// Schema implements huma.SchemaProvider.
func (selection) Schema(huma.Registry) *huma.Schema {
	text := func(says string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: says} }
	return &huma.Schema{
		Description: "What the policy judges: series, or the results of a query",
		OneOf: []*huma.Schema{
			text("PromQL vector selector"),
			{
				Type:                 huma.TypeObject,
				AdditionalProperties: false,
				Required:             []string{"every", "query"},
				Properties: map[string]*huma.Schema{
					"query": text("PromQL expression that gives an instant vector or a scalar"),
					"every": text("How often it is evaluated, from 1s to 1h, for example 15s"),
				},
			},
		},
	}
}

// documentSelection has the OpenAPI document show selections as they are written.
func documentSelection(api huma.API) {
	api.OpenAPI().Components.Schemas.RegisterTypeAlias(reflect.TypeFor[vigil.Select](), reflect.TypeFor[selection]())
}
