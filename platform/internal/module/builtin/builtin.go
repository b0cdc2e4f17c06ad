// Package builtin carries the modules that Vigil ships inside the binary.
//
// It promises the modules that were in dist when the binary was built, in the
// order of their names; that may be none. They are ordinary modules: they pass
// the same checks as an upload and are granted like one. Building them is left
// to module.Build, uploading and granting them to app.
package builtin

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed dist
var dist embed.FS

// Module is one shipped module.
type Module struct {
	Name string // as its file is called, without .wasm
	Wasm []byte // shared; not to be changed
}

// Modules returns the shipped modules in the order of their names.
func Modules() ([]Module, error) {
	entries, err := fs.ReadDir(dist, "dist")
	if err != nil {
		return nil, err
	}
	var all []Module
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".wasm")
		if !ok {
			continue
		}
		wasm, err := dist.ReadFile("dist/" + e.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, Module{Name: name, Wasm: wasm})
	}
	return all, nil
}
