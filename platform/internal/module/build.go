package module

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/techmedaddy/vigil/platform/internal/schema"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxSource bounds module.yaml and what a failed build may say.
const maxSource = 64 << 10

// ReadManifest reads module.yaml from a module's directory. A field it does
// not know is refused.
func ReadManifest(dir string) (vigil.Manifest, error) {
	path := filepath.Join(dir, "module.yaml")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return vigil.Manifest{}, vigil.Errorf(vigil.NotFound, "module_manifest", "%s is missing", path).Hinted("vigil module new writes one")
	}
	if err != nil {
		return vigil.Manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	return parseSource(path, text)
}

// parseSource reads the text of a module.yaml.
func parseSource(path string, text []byte) (vigil.Manifest, error) {
	if len(text) > maxSource {
		return vigil.Manifest{}, vigil.Errorf(vigil.TooLarge, "module_manifest", "%s has more than %d bytes", path, maxSource)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return vigil.Manifest{}, vigil.Errorf(vigil.Invalid, "module_manifest", "%s: %.400s", path, err)
	}
	asJSON, err := json.Marshal(doc)
	if err != nil {
		return vigil.Manifest{}, vigil.Errorf(vigil.Invalid, "module_manifest", "%s: %.400s", path, err)
	}
	m, err := vigil.ParseManifest(asJSON)
	if err != nil {
		return vigil.Manifest{}, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Build compiles the module in dir, in Go or in C, for the sandbox and writes
// it to out with its manifest inside. The result appears whole or not at all.
func Build(ctx context.Context, dir, out string) error {
	manifest, err := ReadManifest(dir)
	if err != nil {
		return err
	}
	if manifest.Vectors, err = readVectors(dir); err != nil {
		return err
	}
	if manifest.Settings, err = settingsOf(dir, manifest); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(filepath.Dir(out), ".build-*")
	if err != nil {
		return fmt.Errorf("make room for the build: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }() // what is left over is under a name that nobody reads
	made := filepath.Join(scratch, "module.wasm")
	if err := compile(ctx, dir, made); err != nil {
		return fmt.Errorf("build %s: %w", manifest.Name, err)
	}
	wasm, err := os.ReadFile(made)
	if err != nil {
		return fmt.Errorf("read what was built: %w", err)
	}
	wasm, err = Embed(wasm, manifest)
	if err != nil {
		return err
	}
	if err := os.WriteFile(made, wasm, 0o644); err != nil { //nolint:gosec // a module is no secret
		return fmt.Errorf("write module %s: %w", manifest.Name, err)
	}
	if err := os.Rename(made, out); err != nil {
		return fmt.Errorf("put module %s in place: %w", manifest.Name, err)
	}
	return nil
}

// compile runs the Go toolchain, or clang where the module is in C. What it
// says on failure is the message.
func compile(ctx context.Context, dir, out string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return fmt.Errorf("find %s: %w", out, err)
	}
	if files := sourcesOfC(dir); len(files) > 0 {
		return compileC(ctx, dir, files, out)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, ".") //nolint:gosec // the caller names the file
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	said, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return vigil.Errorf(vigil.NotFound, "module_build", "there is no go command").Hinted("install Go, see https://go.dev/dl")
	}
	if err != nil {
		return vigil.Errorf(vigil.Invalid, "module_build", "%s", tail(said))
	}
	return nil
}

func tail(said []byte) string {
	said = said[max(0, len(said)-maxSource):]
	return strings.ReplaceAll(strings.ToValidUTF8(string(bytes.TrimSpace(said)), ""), "\t", "    ")
}

// settingsOf is the schema of a module's settings: what its source in Go says,
// under what module.yaml adds. One that the collector would refuse is refused.
func settingsOf(dir string, m vigil.Manifest) (json.RawMessage, error) {
	source, err := schema.FromGo(dir)
	if err != nil {
		return nil, err
	}
	doc := m.Settings
	if source != nil {
		if doc, err = schema.Join(source, m.Settings); err != nil {
			return nil, err
		}
	}
	_, err = schema.Parse(doc)
	return doc, err
}

// Embed appends the manifest to a module as canonical JSON: fields in the
// order of the dictionary, keys of the settings' schema sorted, no spaces.
func Embed(wasm []byte, m vigil.Manifest) ([]byte, error) {
	if len(m.Settings) > 0 {
		var schema any
		numbers := json.NewDecoder(bytes.NewReader(m.Settings))
		numbers.UseNumber() // as they are written: a bound may be larger than a float is exact
		if err := numbers.Decode(&schema); err != nil {
			return nil, fmt.Errorf("read settings schema of %s: %w", m.Name, err)
		}
		sorted, err := json.Marshal(schema)
		if err != nil {
			return nil, fmt.Errorf("encode settings schema of %s: %w", m.Name, err)
		}
		m.Settings = sorted
	}
	doc, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode manifest of %s: %w", m.Name, err)
	}
	body := appendUint(nil, uint64(len(vigil.ManifestSection)))
	body = append(body, vigil.ManifestSection...)
	body = append(body, doc...)
	wasm = append(wasm, 0)
	wasm = appendUint(wasm, uint64(len(body)))
	return append(wasm, body...), nil
}

// appendUint appends v as unsigned LEB128.
func appendUint(dst []byte, v uint64) []byte {
	for ; v >= 0x80; v >>= 7 {
		dst = append(dst, byte(v)|0x80)
	}
	return append(dst, byte(v))
}
