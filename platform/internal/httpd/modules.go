package httpd

import (
	"context"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v3"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func partModules(t Tenant) Modules { return t.Modules }

type refInput struct {
	Ref string `path:"ref" doc:"name, name@version, or sha256:… (12 hex digits suffice)"`
}

// modules binds the registry and its grants.
func (s *site) modules() {
	bind(s, "modules.list", partModules, func(ctx context.Context, _ *request, p Modules, _ *none) (*answer200[items[vigil.Module]], error) {
		all, err := p.List(ctx)
		return listed(all), err
	})
	bind(s, "modules.get", partModules, func(ctx context.Context, _ *request, p Modules, in *refInput) (*answer200[vigil.Module], error) {
		m, err := p.Resolve(ctx, in.Ref)
		return &answer200[vigil.Module]{Body: m}, err
	})
	bind(s, "modules.delete", partModules, func(ctx context.Context, r *request, p Modules, in *refInput) (*struct{}, error) {
		return nil, p.Delete(ctx, r.by.Name, in.Ref)
	})
	bind(s, "modules.upload", partModules, upload, func(op *huma.Operation) {
		binary := &huma.Schema{Type: huma.TypeString, Format: "binary"}
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/wasm": {Schema: binary}}}
	})
	s.documented("modules.bytes", moduleBytes)
	s.state()
	s.grants()
}

func partState(t Tenant) ModuleState { return t.State }

type stateInput struct {
	Ref    string `path:"ref" doc:"name, name@version, or digest"`
	Prefix string `query:"prefix" doc:"only keys that begin so"`
}

type stateKeyInput struct {
	Ref string `path:"ref" doc:"name, name@version, or digest"`
	Key string `query:"key" doc:"the key to delete"`
}

// state binds what modules keep for themselves.
func (s *site) state() {
	bind(s, "state.list", partState, func(ctx context.Context, _ *request, p ModuleState, in *stateInput) (*answer200[items[vigil.StateEntry]], error) {
		all, err := p.State(ctx, in.Ref, in.Prefix)
		return listed(all), err
	})
	bind(s, "state.delete", partState, func(ctx context.Context, r *request, p ModuleState, in *stateKeyInput) (*struct{}, error) {
		if in.Key == "" {
			return nil, vigil.Errorf(vigil.Invalid, "parameter_invalid", "want the key to delete: ?key=KEY")
		}
		return nil, p.RemoveState(ctx, r.by.Name, in.Ref, in.Key)
	})
}

func partGrants(t Tenant) Grants { return t.Grants }

// grants binds what modules may do.
func (s *site) grants() {
	bind(s, "grants.list", partGrants, listGrants)
	bind(s, "grants.put", partGrants, putGrant, takes[grantInput](s))
	bind(s, "grants.delete", partGrants, func(ctx context.Context, r *request, p Grants, in *idInput) (*struct{}, error) {
		return nil, p.Revoke(ctx, r.by.Name, in.ID)
	})
	bind(s, "grants.diff", partGrants, func(ctx context.Context, _ *request, p Grants, in *diffInput) (*answer200[vigil.CapabilityDiff], error) {
		if in.Old == "" || in.New == "" {
			return nil, vigil.Errorf(vigil.Invalid, "parameter_invalid", "want two modules to compare: ?old=MODULE&new=MODULE")
		}
		d, err := p.Diff(ctx, in.Old, in.New)
		return &answer200[vigil.CapabilityDiff]{Body: d}, err
	})
}

type diffInput struct {
	Old string `query:"old" doc:"name, name@version or digest"`
	New string `query:"new" doc:"name, name@version or digest"`
}

type uploadInput struct {
	Signature string `header:"Vigil-Signature" doc:"the module's .minisig file in base64"`
}

func upload(ctx context.Context, r *request, p Modules, in *uploadInput) (*answerAny[vigil.Module], error) {
	if len(r.body) == 0 {
		return nil, errEmpty()
	}
	signature, err := base64.StdEncoding.DecodeString(in.Signature)
	if err != nil {
		return nil, vigil.Errorf(vigil.Invalid, "signature_invalid", "the header Vigil-Signature is no base64")
	}
	m, known, err := p.Upload(ctx, flow.Upload{By: r.by.Name, Wasm: r.body, Signature: signature})
	if err != nil {
		return nil, err
	}
	status := http.StatusCreated
	if known {
		status = http.StatusOK
	}
	if m.Requires == nil {
		m.Requires = []vigil.Requirement{}
	}
	return &answerAny[vigil.Module]{Status: status, Body: m}, nil
}

func moduleBytes(ctx context.Context, c fiber.Ctx, r *request) error {
	if r.tenant.Modules == nil {
		return errNotServed()
	}
	m, err := r.tenant.Modules.Resolve(ctx, param(c, "ref"))
	if err != nil {
		return err
	}
	wasm, err := r.tenant.Modules.Bytes(ctx, m.Digest)
	if err != nil {
		return err
	}
	c.RequestCtx().SetContentType("application/wasm")
	c.RequestCtx().SetBody(wasm)
	return nil
}

// grantInput is a grant as a person asks for it.
type grantInput struct {
	Module     string     `json:"module" doc:"digest, or a name that resolves to one"`
	Capability string     `json:"capability" doc:"service.restart, or service.* for a family"`
	Target     string     `json:"target" doc:"a pattern, for example service:web-*"`
	Budget     vigil.Rate `json:"budget,omitzero"`
	Expires    time.Time  `json:"expires,omitzero"`
}

func putGrant(ctx context.Context, r *request, p Grants, _ *none) (*answerAny[vigil.Grant], error) {
	in, err := bodyAs[grantInput](r)
	if err != nil {
		return nil, err
	}
	g, err := p.Grant(ctx, r.by.Name, vigil.Grant{
		Digest: in.Module, Capability: in.Capability, Target: in.Target, Budget: in.Budget, Expires: in.Expires,
	})
	return &answerAny[vigil.Grant]{Status: http.StatusCreated, Body: g}, err
}

type grantsInput struct {
	Module string `query:"module" doc:"only those of this module"`
}

func listGrants(ctx context.Context, r *request, p Grants, in *grantsInput) (*answer200[items[vigil.Grant]], error) {
	digests, err := digestsOf(ctx, r.tenant.Modules, in.Module)
	if err != nil {
		return nil, err
	}
	var all []vigil.Grant
	for _, d := range digests {
		grants, err := p.Grants(ctx, d)
		if err != nil {
			return nil, err
		}
		all = append(all, grants...)
	}
	return listed(all), nil
}

// digestsOf is the digest that ref names, or all when it names none.
func digestsOf(ctx context.Context, p Modules, ref string) ([]string, error) {
	if p == nil {
		return nil, errNotServed()
	}
	if ref != "" {
		m, err := p.Resolve(ctx, ref)
		return []string{m.Digest}, err
	}
	mods, err := p.List(ctx)
	digests := make([]string, 0, len(mods))
	for _, m := range mods {
		digests = append(digests, m.Digest)
	}
	return digests, err
}
