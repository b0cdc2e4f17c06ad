package remediator

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// TestFences_OnlyEverRise plays random leases against fence files that are
// reopened at any time: a token is admitted once, and only above all others.
func TestFences_OnlyEverRise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		f := &fences{dir: dir}
		top := map[string]uint64{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			target := vigil.Target{Kind: "service", Name: rapid.SampledFrom([]string{"web", "db"}).Draw(rt, "name")}
			token := rapid.Uint64Range(0, 6).Draw(rt, "token")
			if rapid.Bool().Draw(rt, "restart") {
				f = &fences{dir: dir}
			}
			admitted := f.raise(target, token) == nil
			if admitted != (token > top[target.Name]) {
				rt.Fatalf("raise %s to %d above %d: admitted = %v", target, token, top[target.Name], admitted)
			}
			top[target.Name] = max(top[target.Name], token)
			if holds := f.holds(target, token) == nil; holds != (token == top[target.Name]) {
				rt.Fatalf("holds %s %d of %d = %v", target, token, top[target.Name], holds)
			}
		}
	})
}
