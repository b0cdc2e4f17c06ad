package wasm

import (
	"strings"

	"github.com/techmedaddy/vigil/platform/internal/wasm/binary"
	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// signature is a function type.
type signature = binary.Signature

// sig spells a signature: i is i32, I is i64.
func sig(params, results string) signature {
	types := strings.NewReplacer("i", "\x7f", "I", "\x7e")
	return signature{Params: types.Replace(params), Results: types.Replace(results)}
}

// export is a function that the host calls in a guest.
type export struct {
	name     string
	sig      signature
	required bool
}

// exportsOf lists what a module of a kind must export, and what it may.
func exportsOf(kind vigil.ModuleKind) []export {
	all := []export{
		{abi.ExportInitialize, sig("", ""), false},
		{abi.ExportMarker, sig("", ""), true},
		{abi.ExportBuffer, sig("i", "i"), true},
		{abi.ExportLastError, sig("", "I"), true},
	}
	policy, action := kind == vigil.PolicyModule, kind == vigil.ActionModule
	return append(all,
		export{abi.ExportConfigure, sig("iii", "I"), policy},
		export{abi.ExportSeries, sig("ii", "I"), policy},
		export{abi.ExportEval, sig("ii", "I"), policy},
		export{abi.ExportRun, sig("ii", "I"), action},
		export{"vigil_snapshot", sig("", "I"), false},
		export{"vigil_restore", sig("ii", "I"), false},
	)
}

// checkImports holds the module's imports against the host's functions: only
// those, with exactly their signatures.
func checkImports(s *binary.Shape, host []hostFunc) error {
	known := map[[2]string]signature{}
	for _, f := range host {
		known[[2]string{f.module, f.name}] = f.sig
	}
	for _, im := range s.Imports {
		want, ok := known[[2]string{im.Module, im.Name}]
		if !ok {
			return binary.Refuse("module_import", "import", im.Offset, "import %s.%s is none that Vigil offers", im.Module, im.Name)
		}
		if s.Types[im.Type] != want {
			return binary.Refuse("module_import", "import", im.Offset, "import %s.%s has another signature", im.Module, im.Name)
		}
	}
	return nil
}

// checkExports holds the module's exports against the ABI for its kind. What
// else it exports is never called and does not matter, except a name of ours
// that we do not know, and _start: a program that runs once is no module.
func checkExports(s *binary.Shape, kind vigil.ModuleKind, end int) error {
	own := map[string]binary.Export{}
	for _, e := range s.Exports {
		if e.Name == "_start" {
			return binary.Refuse("module_export", "export", e.Offset, "export _start: this is a program, not a module").
				Hinted("build it as a reactor, for Go with -buildmode=c-shared")
		}
		own[e.Name] = e
	}
	if mem, ok := own[abi.ExportMemory]; !ok || mem.Kind != 2 {
		return binary.Refuse("module_export", "export", end, "export %s is missing", abi.ExportMemory)
	}
	for _, want := range exportsOf(kind) {
		e, ok := own[want.name]
		if !ok && want.required {
			return binary.Refuse("module_export", "export", end, "export %s is missing; every %s module has it", want.name, kind)
		}
		if ok && (e.Kind != 0 || e.Index >= len(s.Functions) || s.Types[s.Functions[e.Index]] != want.sig) {
			return binary.Refuse("module_export", "export", e.Offset, "export %s has another signature", want.name)
		}
		delete(own, want.name)
	}
	for name, e := range own {
		if strings.HasPrefix(name, "vigil_") {
			return binary.Refuse("module_export", "export", e.Offset, "export %s is not part of ABI %d", name, abi.Version)
		}
	}
	return nil
}
