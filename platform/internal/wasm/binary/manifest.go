package binary

import "github.com/techmedaddy/vigil/sdk/vigil"

// Manifest finds a module's manifest without walking its code, in microseconds;
// nil means that there is none. It is for modules that were inspected before:
// it says nothing of the sections that it passes over.
func Manifest(module []byte) ([]byte, error) {
	file, err := begin(module)
	if err != nil {
		return nil, err
	}
	w := &walk{Shape: &Shape{}, skim: true}
	err = w.sections(file)
	return w.Manifest, err
}

// begin refuses what is no module by its size or its first bytes.
func begin(module []byte) (*cursor, error) {
	if n := len(module); n > vigil.MaxModuleSize {
		return nil, vigil.Errorf(vigil.TooLarge, "module_too_large", "module has %d bytes, the limit is %d", n, vigil.MaxModuleSize).
			With("section", "module").With("offset", vigil.MaxModuleSize).With("found", n).With("limit", vigil.MaxModuleSize)
	}
	if len(module) < len(header) || string(module[:len(header)]) != header {
		return nil, Refuse("module_malformed", "header", 0, "this is no WebAssembly 1.0 module").Hinted("build one with vigil module build")
	}
	return &cursor{b: module, i: len(header), section: "module"}, nil
}
