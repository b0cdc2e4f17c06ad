package httpd

import (
	"context"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// localOnly is the Auth of a server without users: whoever is on this machine
// is its administrator, everybody else is nobody.
type localOnly struct{}

// Principal implements Auth.
func (localOnly) Principal(_ context.Context, c Credential) (flow.Principal, error) {
	switch {
	case c.Token != "":
		return flow.Principal{}, vigil.Errorf(vigil.Unauthorised, "credential_unknown", "the token is not known here").
			Hinted("leave it out: no tokens exist on this server")
	case !c.Remote.IsLoopback():
		return flow.Principal{}, vigil.Errorf(vigil.Unauthorised, "credential_missing", "a credential is needed from other hosts")
	}
	return flow.Principal{Name: "local", Tenant: "default"}, nil
}

// Allow implements Auth.
func (localOnly) Allow(context.Context, flow.Principal, string) error { return nil }
