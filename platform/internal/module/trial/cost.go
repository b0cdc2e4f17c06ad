package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/actiontest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// batchSamples is how many samples the measured batch has.
const batchSamples = 1000

// Cost is what a module costs in the sandbox, through the whole host path.
type Cost struct {
	NsPerSample   float64         `json:"ns_per_sample,omitempty"`   // policies only, in batches of 1,000
	NsPerCall     float64         `json:"ns_per_call"`               // a batch of one sample, or one run of an action
	FuelPerSample float64         `json:"fuel_per_sample,omitempty"` // policies only, in batches of 1,000
	FuelPerCall   float64         `json:"fuel_per_call"`
	Settings      json.RawMessage `json:"settings,omitempty"` // it was measured with
}

// Scale weighs: what the clock says, and what the module has burnt so far.
type Scale struct {
	Now  func() time.Time
	Fuel func() uint64
	For  time.Duration // how long to measure each figure
}

// Weigh measures a policy on one calm series.
func (s Scale) Weigh(ctx context.Context, p Policy, settings json.RawMessage) (Cost, error) {
	if err := p.Configure(ctx, 1, settings); err != nil {
		return Cost{}, err
	}
	many, one := s.evaluate(ctx, p, batchSamples), s.evaluate(ctx, p, 1)
	c := Cost{Settings: settings}
	var err error
	if c.FuelPerSample, err = s.burn(many); err == nil {
		c.FuelPerCall, err = s.burn(one)
	}
	if err == nil {
		c.NsPerSample, err = s.time(many)
	}
	if err == nil {
		c.NsPerCall, err = s.time(one)
	}
	c.FuelPerSample, c.NsPerSample = c.FuelPerSample/batchSamples, c.NsPerSample/batchSamples
	return c, err
}

// evaluate is one call of a policy with so many samples.
func (s Scale) evaluate(ctx context.Context, p Policy, samples int) func() error {
	now := time.Unix(1_800_000_000, 0) // any, but always the same: so is the fuel
	ask := flow.Ask{Config: 1, Now: now, Times: make([]int64, samples), Values: make([]float64, samples)}
	for i := range samples {
		ask.Times[i] = now.Add(time.Duration(i-samples) * time.Second).UnixNano()
		ask.Values[i] = 0.5
	}
	ask.Runs = []flow.Run{{ID: 1, Meta: vigil.Series{Name: "bench", Labels: vigil.Labels{"host": "bench"}}, Count: uint32(samples)}}
	return func() error {
		ask.Seq++
		_, err := p.Eval(ctx, ask)
		return err
	}
}

// WeighAction measures whole dry runs of an action, each in an instance of its
// own.
func (s Scale) WeighAction(ctx context.Context, run Run, with json.RawMessage) (Cost, error) {
	target := vigil.Target{Kind: "service", Name: "web"}
	in := vigil.ActionInput{Remediation: "rem-bench", Attempt: 1, Target: target, Reason: "bench", With: with, DryRun: true}
	do := func() error {
		world := World{World: actiontest.NewWorld(vigil.ServiceStatus{Service: "web", Driver: "command", Up: true, PID: 41})}
		_, _, err := run(ctx, in, world)
		return err
	}
	c := Cost{Settings: with}
	var err error
	if c.FuelPerCall, err = s.burn(do); err == nil {
		c.NsPerCall, err = s.time(do)
	}
	return c, err
}

const (
	rounds    = 10 // how often a time is taken
	fuelCalls = 32 // over how many calls fuel is counted
)

// burn returns the fuel of one call: the average of the first few, a
// fixed number, so that it does not depend on how busy the machine is.
func (s Scale) burn(do func() error) (float64, error) {
	before := s.Fuel()
	for range fuelCalls {
		if err := do(); err != nil {
			return 0, fmt.Errorf("measure fuel: %w", err)
		}
	}
	return float64(s.Fuel()-before) / fuelCalls, nil
}

// time returns what one call took, in nanoseconds, in the fastest round: what
// the others took longer is the machine's other work.
func (s Scale) time(do func() error) (float64, error) {
	fastest := math.Inf(1)
	for calls, done := 1, 0; done < rounds; {
		took, err := s.round(do, calls)
		switch {
		case err != nil:
			return 0, err
		case took < s.For/rounds && calls < 1<<20: // too short to tell
			calls *= 2
		default:
			fastest = min(fastest, float64(took.Nanoseconds())/float64(calls))
			done++
		}
	}
	return fastest, nil
}

func (s Scale) round(do func() error, calls int) (time.Duration, error) {
	start := s.Now()
	for range calls {
		if err := do(); err != nil {
			return 0, fmt.Errorf("measure time: %w", err)
		}
	}
	return s.Now().Sub(start), nil
}
