package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"

	"github.com/techmedaddy/vigil/sdk/actiontest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxVector bounds an action's vector, in bytes.
const maxVector = 8 << 20

// Run runs an action module once in the sandbox, in the given world.
type Run func(ctx context.Context, in vigil.ActionInput, world World) (vigil.ActionOutput, []string, error)

// World answers an action's host calls out of a vector.
type World = actiontest.Hosted

// LoadAction reads an action's vector.
func LoadAction(path string) (actiontest.Vector, error) {
	f, err := os.Open(path)
	if err != nil {
		return actiontest.Vector{}, vigil.Errorf(vigil.NotFound, "module_vectors", "%v", err)
	}
	defer f.Close()
	doc, err := io.ReadAll(io.LimitReader(f, maxVector+1))
	if err != nil {
		return actiontest.Vector{}, fmt.Errorf("read vector: %w", err)
	}
	if len(doc) > maxVector {
		return actiontest.Vector{}, vigil.Errorf(vigil.TooLarge, "module_vectors", "vector %s has more than %d bytes", path, maxVector)
	}
	v, err := actiontest.Parse(doc)
	if err != nil {
		return actiontest.Vector{}, vigil.Errorf(vigil.Invalid, "module_vectors", "vector %s: %v", path, err)
	}
	return v, nil
}

// PlayAction plays vectors on an action. In native lies what `go test`
// recorded; it may be "".
func PlayAction(ctx context.Context, run Run, paths []string, native string) ([]Result, error) {
	var all []Result
	for _, path := range paths {
		v, err := LoadAction(path)
		if err != nil {
			return nil, err
		}
		r, err := playAction(ctx, run, v, path, native)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, ctx.Err()
}

func playAction(ctx context.Context, run Run, v actiontest.Vector, path, native string) (Result, error) {
	world := World{World: v.World()}
	out, _, err := run(ctx, v.Input, world)
	if err != nil {
		return result(path, "run", err.Error()), nil
	}
	diffs := v.Diffs(out, world.Calls)
	doc := recorded(native, actiontest.PlayedName(filepath.Base(path)))
	if doc == nil {
		return result(path, "run", diffs...), nil
	}
	inside, err := json.Marshal(actiontest.Played{Output: out, Calls: world.Calls})
	if err != nil {
		return Result{}, fmt.Errorf("encode what %s gave: %w", path, err)
	}
	if !sameJSON(doc, inside) {
		diffs = append(diffs, fmt.Sprintf("in the sandbox %s, natively %s", inside, doc))
	}
	r := result(path, "run", diffs...)
	r.Compared = true
	return r, nil
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
