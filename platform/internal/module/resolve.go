package module

import (
	"context"
	"slices"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// shortest is how much of a digest must be given, in hex digits.
const shortest = 12

// Resolve finds the module that ref means: a name (the newest upload of it), a
// name@version, or sha256: with at least twelve digits. The name of a module
// that the binary carries means that one, whoever else uses it.
func (r *Registry) Resolve(ctx context.Context, ref string) (vigil.Module, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.load(ctx); err != nil {
		return vigil.Module{}, err
	}
	return r.find(ref)
}

// find is Resolve for who holds mu.
func (r *Registry) find(ref string) (vigil.Module, error) {
	if hex, ok := strings.CutPrefix(ref, "sha256:"); ok {
		return r.byDigest(ref, hex)
	}
	name, version, exact := strings.Cut(ref, "@")
	var found *vigil.Module
	for i, m := range slices.Backward(r.modules) {
		if m.Name != name || exact && m.Version != version {
			continue
		}
		if m.BuiltIn {
			return m, nil
		}
		if found == nil {
			found = &r.modules[i]
		}
	}
	if found == nil {
		return vigil.Module{}, r.notFound(ref)
	}
	return *found, nil
}

// byDigest finds a module by its digest or the start of it. The caller holds
// mu.
func (r *Registry) byDigest(ref, hex string) (vigil.Module, error) {
	if len(hex) < shortest {
		return vigil.Module{}, vigil.Errorf(vigil.Invalid, "module_ref", "module %q: give at least %d digits of the digest", ref, shortest)
	}
	var found []vigil.Module
	for _, m := range r.modules {
		if strings.HasPrefix(m.Digest, ref) {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 0:
		return vigil.Module{}, r.notFound(ref)
	case 1:
		return found[0], nil
	}
	return vigil.Module{}, vigil.Errorf(vigil.Conflict, "module_ambiguous", "module %q: %d digests begin so; give more digits", ref, len(found))
}

// notFound names what there is, so that a typing error is seen at once. The
// caller holds mu.
func (r *Registry) notFound(ref string) error {
	var names, bare []string
	for _, m := range slices.Backward(r.modules) {
		if name := m.Name + "@" + m.Version; !slices.Contains(names, name) && len(names) < 20 {
			names, bare = append(names, name), append(bare, m.Name)
		}
	}
	have := "there is none yet"
	if len(names) > 0 {
		have = "have " + strings.Join(names, ", ")
	}
	err := vigil.Errorf(vigil.NotFound, "module_not_found", "no module %q; %s", ref, have).Hinted("vigil module ls")
	if near := vigil.Nearest(ref, bare); near != "" {
		return err.Hinted("did you mean %s? See vigil module ls", near)
	}
	return err
}
