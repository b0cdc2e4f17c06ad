package client

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	modulesPath  = "/api/v1/modules"
	grantsPath   = "/api/v1/grants"
	policiesPath = "/api/v1/policies"
)

// Modules lists the uploaded modules.
func (c *Client) Modules(ctx context.Context) ([]vigil.Module, error) {
	return list[vigil.Module](ctx, c, modulesPath, nil)
}

// Module shows a module by name, name@version or digest.
func (c *Client) Module(ctx context.Context, ref string) (vigil.Module, error) {
	return one[vigil.Module](ctx, c, http.MethodGet, at(modulesPath, ref), nil)
}

// UploadModule uploads a module; known reports that the collector had it.
func (c *Client) UploadModule(ctx context.Context, wasm []byte) (m vigil.Module, known bool, err error) {
	return c.UploadSigned(ctx, wasm, nil)
}

// UploadSigned is UploadModule with the module's .minisig file.
func (c *Client) UploadSigned(ctx context.Context, wasm, signature []byte) (m vigil.Module, known bool, err error) {
	a := ask{method: http.MethodPost, path: modulesPath, media: "application/wasm", body: wasm, wait: time.Minute}
	if len(signature) > 0 {
		a.header = http.Header{"Vigil-Signature": {base64.StdEncoding.EncodeToString(signature)}}
	}
	status, err := c.call(ctx, a, nil, &m)
	return m, status == http.StatusOK, err
}

// ModuleBytes downloads a module.
func (c *Client) ModuleBytes(ctx context.Context, ref string) ([]byte, error) {
	_, body, err := c.do(ctx, ask{method: http.MethodGet, path: at(modulesPath, ref) + "/wasm", wait: time.Minute})
	return body, err
}

// DeleteModule deletes a module that nothing uses.
func (c *Client) DeleteModule(ctx context.Context, ref string) error {
	_, err := c.call(ctx, ask{method: http.MethodDelete, path: at(modulesPath, ref)}, nil, nil)
	return err
}

// ModuleState shows what a module keeps for itself under keys that begin with
// prefix.
func (c *Client) ModuleState(ctx context.Context, ref, prefix string) ([]vigil.StateEntry, error) {
	q := url.Values{}
	if prefix != "" {
		q.Set("prefix", prefix)
	}
	return list[vigil.StateEntry](ctx, c, at(modulesPath, ref)+"/state", q)
}

// RemoveModuleState deletes one key of what a module keeps for itself.
func (c *Client) RemoveModuleState(ctx context.Context, ref, key string) error {
	_, err := c.call(ctx, ask{method: http.MethodDelete, path: at(modulesPath, ref) + "/state", query: url.Values{"key": {key}}}, nil, nil)
	return err
}

// Grants lists grants, of one module or (module "") of all.
func (c *Client) Grants(ctx context.Context, module string) ([]vigil.Grant, error) {
	q := url.Values{}
	if module != "" {
		q.Set("module", module)
	}
	return list[vigil.Grant](ctx, c, grantsPath, q)
}

// Grant grants g.Capability on g.Target to the module that g.Digest names, by
// digest or by any reference that resolves to one.
func (c *Client) Grant(ctx context.Context, g vigil.Grant) (vigil.Grant, error) {
	in := struct {
		Module     string     `json:"module"`
		Capability string     `json:"capability"`
		Target     string     `json:"target"`
		Budget     vigil.Rate `json:"budget,omitzero"`
		Expires    time.Time  `json:"expires,omitzero"`
	}{g.Digest, g.Capability, g.Target, g.Budget, g.Expires}
	return one[vigil.Grant](ctx, c, http.MethodPost, grantsPath, in)
}

// Revoke takes a grant back.
func (c *Client) Revoke(ctx context.Context, id string) error {
	_, err := c.call(ctx, ask{method: http.MethodDelete, path: at(grantsPath, id)}, nil, nil)
	return err
}

// DiffGrants compares what two modules ask for, each by name, name@version or
// digest, and says whether an upgrade keeps the grants.
func (c *Client) DiffGrants(ctx context.Context, old, next string) (vigil.CapabilityDiff, error) {
	var out vigil.CapabilityDiff
	q := url.Values{"old": {old}, "new": {next}}
	_, err := c.call(ctx, ask{method: http.MethodGet, path: grantsPath + ":diff", query: q}, nil, &out)
	return out, err
}

// AppliedPolicy is a policy with what the collector added when it was applied.
type AppliedPolicy struct {
	vigil.Policy
	Digest    string    `json:"digest"`
	Revision  int64     `json:"revision"`
	AppliedAt time.Time `json:"applied_at"`
	AppliedBy string    `json:"applied_by"`
	Applied   string    `json:"applied,omitempty"` // by ApplyPolicy only: created, changed or unchanged

	Query *QueryState `json:"query_state,omitempty"` // not by ApplyPolicy; nil if the policy selects series
}

// QueryState is how a policy's query has fared since the policy was put in force.
type QueryState struct {
	At      time.Time      `json:"at,omitzero"` // time of the last evaluation
	Took    vigil.Duration `json:"took"`
	Results int            `json:"results"` // of the last evaluation
	Asked   uint64         `json:"asked"`
	Failed  uint64         `json:"failed"`
	Skipped uint64         `json:"skipped"`         // evaluations left out because it was too late for them
	Error   string         `json:"error,omitempty"` // of the last evaluation
	Code    string         `json:"code,omitempty"`
}

// Policies lists the applied policies.
func (c *Client) Policies(ctx context.Context) ([]AppliedPolicy, error) {
	return list[AppliedPolicy](ctx, c, policiesPath, nil)
}

// Policy shows a policy.
func (c *Client) Policy(ctx context.Context, name string) (AppliedPolicy, error) {
	return one[AppliedPolicy](ctx, c, http.MethodGet, at(policiesPath, name), nil)
}

// PolicyStats tells what became of a policy's episodes that fired since so long
// ago, of all that are kept for 0.
func (c *Client) PolicyStats(ctx context.Context, name string, since time.Duration) (vigil.PolicyStats, error) {
	q := url.Values{}
	if since > 0 {
		q.Set("since", vigil.Duration(since).String())
	}
	var s vigil.PolicyStats
	_, err := c.call(ctx, ask{method: http.MethodGet, path: at(policiesPath, name) + "/stats", query: q}, nil, &s)
	return s, err
}

// ApplyPolicy applies a policy document, JSON or YAML as media says
// (application/json, application/yaml), under the name it carries.
func (c *Client) ApplyPolicy(ctx context.Context, name, media string, doc []byte) (p AppliedPolicy, created bool, err error) {
	a := ask{method: http.MethodPut, path: at(policiesPath, name), media: media, body: doc, wait: 30 * time.Second}
	status, err := c.call(ctx, a, nil, &p)
	return p, status == http.StatusCreated, err
}

// DeletePolicy deletes a policy.
func (c *Client) DeletePolicy(ctx context.Context, name string) error {
	_, err := c.call(ctx, ask{method: http.MethodDelete, path: at(policiesPath, name)}, nil, nil)
	return err
}
