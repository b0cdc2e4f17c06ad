package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/policytest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Policy is an open policy module in the sandbox.
type Policy interface {
	Configure(ctx context.Context, config uint32, settings []byte) error
	Eval(ctx context.Context, ask flow.Ask) ([]flow.Judgement, error)
}

// PlayPolicy plays vectors on a policy. In native lies what `go test` recorded;
// it may be "".
func PlayPolicy(ctx context.Context, p Policy, paths []string, native string) ([]Result, error) {
	player := policytest.NewPlayer(hosted(ctx, p))
	var all []Result
	for _, path := range paths {
		v, err := policytest.Load(os.DirFS(filepath.Dir(path)), filepath.Base(path))
		if err != nil {
			return nil, vigil.Errorf(vigil.Invalid, "module_vectors", "%v", err)
		}
		if v.Refused != nil {
			all = append(all, result(path, "settings", refusal(player.Configure(v), *v.Refused)))
			continue
		}
		for _, split := range policytest.Splits() {
			r, err := playSplit(player, v, split, path, native)
			if err != nil {
				return nil, err
			}
			all = append(all, r)
		}
	}
	return all, ctx.Err()
}

func playSplit(player *policytest.Player, v policytest.Vector, split policytest.Split, path, native string) (Result, error) {
	said, err := player.Play(v, split)
	if vigil.CodeOf(err) == "guest_closed" {
		return Result{}, fmt.Errorf("play %s: %w", path, err) // what ended it was told before
	}
	if err != nil {
		return result(path, split.Name, err.Error()), nil
	}
	wanted := policytest.Diff(asHosted(v.Want), said)
	doc := recorded(native, policytest.PlayedName(filepath.Base(path), split))
	if doc == nil {
		return result(path, split.Name, wanted), nil
	}
	var outside []policytest.Decision
	if err := json.Unmarshal(doc, &outside); err != nil {
		return Result{}, fmt.Errorf("read native record of %s: %w", path, err)
	}
	differs := policytest.Diff(asHosted(outside), said)
	if differs != "" {
		differs = "in the sandbox, against native: " + differs
	}
	r := result(path, split.Name, wanted, differs)
	r.Compared = true
	return r, nil
}

// refusal says how an answer to settings differs from the fault wanted.
func refusal(err error, want policytest.Refusal) string {
	var e *vigil.Error
	if !errors.As(err, &e) {
		return fmt.Sprintf("settings gave %v, want %s at %q", err, want.Code, want.Path)
	}
	if e.Fields["reason"] != want.Code || e.Fields["field"] != want.Path {
		return fmt.Sprintf("settings gave %v at %q, want %s at %q", e.Fields["reason"], e.Fields["field"], want.Code, want.Path)
	}
	return ""
}

// asHosted makes wanted decisions what the host hands on: numbers that JSON
// can carry.
func asHosted(want []policytest.Decision) []policytest.Decision {
	out := make([]policytest.Decision, len(want))
	for i, d := range want {
		if d.Value != nil {
			v := policytest.Value(finite(float64(*d.Value)))
			d.Value = &v
		}
		if d.Score != nil {
			v := finite(*d.Score)
			d.Score = &v
		}
		out[i] = d
	}
	return out
}

func finite(v float64) float64 {
	switch {
	case math.IsNaN(v):
		return 0
	case math.IsInf(v, 0):
		return math.Copysign(math.MaxFloat64, v)
	}
	return v
}
