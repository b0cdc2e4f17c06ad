package vigil

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// ManifestSection is the custom section of a module that holds its manifest as
// canonical JSON.
const ManifestSection = "vigil.manifest"

// MaxVectors bounds the test cases that a manifest carries.
const MaxVectors = 64

// MaxModuleSize bounds a module's bytes.
const MaxModuleSize = 16 << 20

// ParseManifest reads a manifest from JSON and checks it. A field it does not
// know is refused: a module that means something by it would be misunderstood.
func ParseManifest(doc []byte) (Manifest, error) {
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return Manifest{}, Errorf(Invalid, "module_manifest", "manifest: %.200s", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Manifest{}, Errorf(Invalid, "module_manifest", "manifest: more than one document")
	}
	return m, m.Check()
}

// Check reports the first thing that makes the manifest inadmissible.
func (m Manifest) Check() error {
	bad := func(field, format string, args ...any) error {
		return Errorf(Invalid, "module_manifest", "manifest: "+field+": "+format, args...).With("field", field)
	}
	switch {
	case m.Schema != 1:
		return bad("schema", "is %d, want 1", m.Schema)
	case m.ABI != 1:
		return bad("abi", "is %d, want 1", m.ABI)
	case m.Kind != PolicyModule && m.Kind != ActionModule:
		return bad("kind", "%.64q is neither policy nor action", m.Kind)
	case !isName(m.Name):
		return bad("name", "%.64q: want lower-case letters, digits and dashes, at most 63", m.Name)
	case !isVersion(m.Version):
		return bad("version", "%.64q: want for example 1.0.0", m.Version)
	case len(m.Requires) > 64:
		return bad("requires", "at most 64 capabilities")
	case len(m.Vectors) > MaxVectors:
		return bad("vectors", "%d of them, at most %d", len(m.Vectors), MaxVectors)
	}
	for _, r := range m.Requires {
		if r.Capability == "" || r.Target == "" || r.Why == "" {
			return bad("requires", "%.64q: want capability, target and why", r.Capability)
		}
	}
	return nil
}
