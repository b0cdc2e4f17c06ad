package recall

import (
	"context"

	"github.com/techmedaddy/vigil/platform/internal/capability"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Verbs are the capabilities of one run of an action whose module is called
// name. Grants are checked by the broker, which has those of the lease; a write
// is durable before it is answered.
func (r *Recall) Verbs(name string) map[string]capability.Verb {
	space := spaceOf(vigil.Module{Kind: vigil.ActionModule, Name: name})
	return verbs(r.o.Selector, name, r.query, func(ctx context.Context, ask vigil.StateRequest) (vigil.StateReply, error) {
		v, err := r.enter(ctx, space)
		if err != nil {
			return vigil.StateReply{}, err
		}
		reply, err := v.do(ask)
		v.leave(err == nil)
		if err == nil {
			err = r.Flush(ctx)
		}
		return reply, err
	})
}

// kept is what an action's transcript keeps of a query's answer.
type kept struct {
	Series  int `json:"series"`
	Samples int `json:"samples"`
}

func verbs(selector Selector, module string,
	query func(context.Context, question) (vigil.QueryReply, error),
	state func(context.Context, vigil.StateRequest) (vigil.StateReply, error),
) map[string]capability.Verb {
	return map[string]capability.Verb{
		vigil.OpQuery: func(request []byte) (capability.Deed, error) {
			q, err := readQuery(request, selector)
			if err != nil {
				return capability.Deed{}, err
			}
			return capability.Deed{
				Target: q.target(), Request: q.QueryRequest, Effect: true,
				Do: asking(func(ctx context.Context) (capability.Answer, error) {
					reply, err := query(ctx, q)
					sum := kept{Series: len(reply.Series)}
					for _, s := range reply.Series {
						sum.Samples += len(s.Times)
					}
					return capability.Answer{Data: reply, Kept: sum}, err
				}),
			}, nil
		},
		vigil.OpState: func(request []byte) (capability.Deed, error) {
			ask, err := readState(request)
			if err != nil {
				return capability.Deed{}, err
			}
			return capability.Deed{
				Target: "state:" + module, Request: ask, Effect: true,
				Do: asking(func(ctx context.Context) (capability.Answer, error) {
					reply, err := state(ctx, ask)
					return capability.Answer{Data: reply}, err
				}),
			}, nil
		},
	}
}

// asking asks may before do.
func asking(do func(context.Context) (capability.Answer, error)) func(context.Context, ...func() error) (capability.Answer, error) {
	return func(ctx context.Context, may ...func() error) (capability.Answer, error) {
		for _, agrees := range may {
			if err := agrees(); err != nil {
				return capability.Answer{}, err
			}
		}
		return do(ctx)
	}
}
