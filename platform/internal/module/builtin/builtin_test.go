package builtin_test

import (
	"slices"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/module/builtin"
)

func TestModules_ListsWhatWasBuiltInOrder(t *testing.T) {
	t.Parallel()
	all, err := builtin.Modules()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(all, func(a, b builtin.Module) int { return slices.Compare([]byte(a.Name), []byte(b.Name)) }) {
		t.Error("modules are not in order")
	}
	for _, m := range all {
		if len(m.Wasm) < 8 || string(m.Wasm[:4]) != "\x00asm" {
			t.Errorf("%s is no module", m.Name)
		}
	}
}
