package capability

import (
	"context"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// opStatus is the one verb of a service without an effect.
const opStatus = "service.status"

// onService carries out one verb on the service called name, if may still
// agrees right before the effect.
type onService func(ctx context.Context, name string, may ...func() error) (vigil.ServiceStatus, error)

// verbs are the capabilities of services.
func (s *Services) verbs() map[string]Verb {
	look := func(_ context.Context, name string, _ ...func() error) (vigil.ServiceStatus, error) {
		return s.Status(name)
	}
	all := map[string]Verb{}
	for op, do := range map[string]onService{
		opStatus:          look,
		"service.start":   s.Start,
		"service.stop":    s.Stop,
		"service.restart": s.Restart,
		"service.reload":  s.Reload,
	} {
		all[op] = func(request []byte) (Deed, error) {
			ask, err := decodeService(request)
			if err != nil {
				return Deed{}, err
			}
			do := do
			if ask.DryRun {
				do = look
			}
			return Deed{
				Target: vigil.Target{Kind: "service", Name: ask.Service}.String(), Request: ask,
				Treats: true, Effect: op != opStatus, DryRun: ask.DryRun,
				Do: func(ctx context.Context, may ...func() error) (Answer, error) {
					st, err := do(ctx, ask.Service, may...)
					return Answer{Data: st}, err
				},
			}, nil
		}
	}
	return all
}

// decodeService reads a request. The service must be a name, so that nothing
// else reaches the transcript, a path or a driver.
func decodeService(b []byte) (vigil.ServiceRequest, error) {
	r, err := DecodeRequest[vigil.ServiceRequest](b, `{"service": NAME}`)
	if err != nil {
		return r, err
	}
	if t, err := vigil.ParseTarget("service:" + r.Service); err != nil || t.Host != "" {
		return r, vigil.Errorf(vigil.Invalid, "request_invalid", "%.200q is no service name", r.Service)
	}
	return r, nil
}
