package wasm

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/recorded"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxProofSamples bounds the samples of one vector.
const maxProofSamples = 100_000

// prove plays the vectors of a manifest twice, on compiled code and on code
// that is interpreted, and compares what the guest says. A defect of the
// compiler that this module meets shows here, and so does a guest whose answers
// do not follow from what it is asked.
func (e *Engine) prove(ctx context.Context, g *guest, code []byte) error {
	if len(g.manifest.Vectors) == 0 {
		return nil
	}
	mark := e.proofMark(g.digest, code)
	if marked(mark) {
		return nil
	}
	play, err := e.player(g)
	if err != nil {
		return err
	}
	quick, err := play(ctx, g.runtime, g.compiled)
	if err != nil {
		return err
	}
	slow, err := e.interpret(ctx, g, code, play)
	if err != nil {
		return err
	}
	for i := range quick {
		if !quick[i].equal(slow[i]) {
			return vigil.Errorf(vigil.Invalid, "module_divergent", "vector %d gives %s when compiled and %s when interpreted", i, quick[i], slow[i]).With("vector", i)
		}
	}
	e.markProven(ctx, mark)
	return nil
}

// player plays all vectors of a guest on code in a runtime.
type player func(ctx context.Context, r wazero.Runtime, compiled wazero.CompiledModule) ([]verdict, error)

func (e *Engine) player(g *guest) (player, error) {
	if g.manifest.Kind == vigil.ActionModule {
		return e.actionPlayer(g)
	}
	vectors, err := readVectors(g.manifest.Vectors)
	return func(ctx context.Context, r wazero.Runtime, compiled wazero.CompiledModule) ([]verdict, error) {
		return e.play(ctx, g, r, compiled, vectors)
	}, err
}

// interpret plays the vectors in a runtime of its own that compiles nothing.
func (e *Engine) interpret(ctx context.Context, g *guest, code []byte, play player) ([]verdict, error) {
	r := wazero.NewRuntimeWithConfig(ctx, limits(wazero.NewRuntimeConfigInterpreter(), g.room))
	defer func() { _ = r.Close(context.WithoutCancel(ctx)) }() // the answers are there, or an error is
	if err := offer(ctx, r, e.host); err != nil {
		return nil, err
	}
	compiled, err := r.CompileModule(ctx, code)
	if err != nil {
		return nil, vigil.Errorf(vigil.Invalid, "module_invalid", "module cannot be interpreted: %s", firstLine(err)).With("section", "code")
	}
	return play(ctx, r, compiled)
}

// verdict is what an instance said to one vector.
type verdict struct {
	judgements []flow.Judgement
	refused    string // the code of the refusal of the settings
	did        string // an action's output and calls, as JSON
}

func (v verdict) equal(w verdict) bool {
	return v.refused == w.refused && v.did == w.did && slices.Equal(v.judgements, w.judgements)
}

func (v verdict) String() string {
	if v.refused != "" {
		return v.refused
	}
	if v.did != "" {
		return cut(v.did, maxMessage)
	}
	return fmt.Sprintf("%d decisions %.200v", len(v.judgements), v.judgements)
}

// play puts each vector to a policy of its own of one instance.
func (e *Engine) play(ctx context.Context, g *guest, r wazero.Runtime, compiled wazero.CompiledModule, vectors []vector) ([]verdict, error) {
	inst, err := e.instantiate(ctx, g, r, compiled)
	if err != nil {
		return nil, err
	}
	defer inst.close(context.WithoutCancel(ctx))
	p := newPolicy(e, g, inst)
	inst.patience = startTime // the interpreter is slow; the fuel is the same
	said := make([]verdict, len(vectors))
	for i, v := range vectors {
		said[i], err = p.answer(ctx, uint32(i+1), v)
		if err != nil {
			return nil, fmt.Errorf("play vector %d: %w", i, err)
		}
	}
	return said, nil
}

func (p *Policy) answer(ctx context.Context, config uint32, v vector) (verdict, error) {
	if err := p.Configure(ctx, config, v.Settings); p.inst.dead {
		return verdict{}, err
	} else if err != nil {
		return verdict{refused: vigil.CodeOf(err)}, nil //nolint:nilerr // to refuse is an answer
	}
	judgements, err := p.EvalWith(ctx, v.ask(config), scene{v.World()})
	return verdict{judgements: slices.Clone(judgements)}, err
}

// vector is what a test case asks; what it wants is for the author's tools.
type vector struct {
	Settings json.RawMessage `json:"settings"`
	Series   []struct {
		Name    string               `json:"name"`
		Labels  vigil.Labels         `json:"labels"`
		Samples [][2]json.RawMessage `json:"samples"` // seconds, value
	} `json:"series"`
	recorded.Scene
}

func readVectors(docs []json.RawMessage) ([]vector, error) {
	all := make([]vector, len(docs))
	for i, doc := range docs {
		samples := 0
		if err := json.Unmarshal(doc, &all[i]); err != nil {
			return nil, vigil.Errorf(vigil.Invalid, "module_manifest", "vector %d: %s", i, err).With("vector", i)
		}
		for _, s := range all[i].Series {
			samples += len(s.Samples)
		}
		if samples > maxProofSamples {
			return nil, vigil.Errorf(vigil.Invalid, "module_manifest", "vector %d has %d samples, the limit is %d", i, samples, maxProofSamples).With("limit", maxProofSamples)
		}
	}
	return all, nil
}

// ask is the vector as one batch.
func (v vector) ask(config uint32) flow.Ask {
	a := flow.Ask{Config: config, Seq: uint64(config), Now: time.Unix(0, 0)}
	for i, s := range v.Series {
		a.Runs = append(a.Runs, flow.Run{
			ID: uint64(config)<<32 | uint64(i), Meta: vigil.Series{Name: s.Name, Labels: s.Labels},
			First: uint32(len(a.Times)), Count: uint32(len(s.Samples)),
		})
		for _, sample := range s.Samples {
			at := time.Unix(0, int64(number(sample[0])*1e9))
			a.Times, a.Values = append(a.Times, at.UnixNano()), append(a.Values, number(sample[1]))
			if at.After(a.Now) {
				a.Now = at
			}
		}
	}
	return a
}

// number reads a number, or one of those that JSON writes as text.
func number(raw json.RawMessage) float64 {
	switch string(raw) {
	case `"NaN"`:
		return math.NaN()
	case `"+Inf"`:
		return math.Inf(1)
	case `"-Inf"`:
		return math.Inf(-1)
	}
	var v float64
	_ = json.Unmarshal(raw, &v) // what is no number counts as zero, in both instances
	return v
}
