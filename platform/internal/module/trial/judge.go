package trial

import (
	"context"
	"errors"

	"github.com/techmedaddy/vigil/sdk/policytest"
)

// Judge plays one vector, sample by sample, and returns what the policy said
// of it, repeats dropped. What the vector wants does not matter.
func Judge(ctx context.Context, p Policy, v policytest.Vector) ([]policytest.Decision, error) {
	player := policytest.NewPlayer(hosted(ctx, p))
	for _, split := range policytest.Splits() {
		if split.Name == "one at a time" {
			return player.Play(v, split)
		}
	}
	return nil, errors.New("judge: no split is one at a time")
}
