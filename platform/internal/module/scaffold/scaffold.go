package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Beginning says what to begin.
type Beginning struct {
	Name string
	Kind vigil.ModuleKind
	Lang string
	SDK  fs.FS // the SDK's folders, see package sdk
}

//go:embed template
var templates embed.FS

// sdkFolder is where a module keeps the SDK's source.
const sdkFolder = "vigil-sdk"

// Write makes the folder dir for a new module and returns the files in it that
// the author will work on.
func Write(dir string, b Beginning) (files []string, err error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(dir); err == nil {
		return nil, vigil.Errorf(vigil.Conflict, "module_exists", "%s is already there", dir).Hinted("choose another name, or move it away")
	}
	scratch, err := os.MkdirTemp(filepath.Dir(dir), ".new-*")
	if err != nil {
		return nil, fmt.Errorf("make room for module %s: %w", b.Name, err)
	}
	defer func() { _ = os.RemoveAll(scratch) }() // gone by then, or under a name that nobody reads
	if files, err = b.render(scratch); err != nil {
		return nil, err
	}
	if b.Lang == "go" { // the headers for C come with the build
		if err := b.copySDK(filepath.Join(scratch, sdkFolder)); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(scratch, 0o755); err != nil { //nolint:gosec // source is no secret
		return nil, fmt.Errorf("open module %s to its readers: %w", b.Name, err)
	}
	if err := os.Rename(scratch, dir); err != nil {
		return nil, fmt.Errorf("put module %s in place: %w", b.Name, err)
	}
	return files, nil
}

func (b Beginning) check() error {
	switch b.Lang {
	case "go", "c":
	default:
		return vigil.Errorf(vigil.Unsupported, "module_language", "no template in language %.32q in this version; there are go and c", b.Lang).
			Hinted("vigil module new --lang c NAME; sdk/README.md says what a module in any other language exports")
	}
	if b.Kind != vigil.PolicyModule && b.Kind != vigil.ActionModule {
		return vigil.Errorf(vigil.Invalid, "module_kind", "no module is of kind %.32q; there are policy and action", b.Kind).Hinted("vigil module new --kind policy NAME")
	}
	return vigil.Manifest{Schema: 1, ABI: 1, Kind: b.Kind, Name: b.Name, Version: "0.1.0"}.Check()
}

// render writes the templates of the module's kind, then those of its language.
func (b Beginning) render(dir string) (files []string, err error) {
	for _, of := range []string{string(b.Kind), b.Lang + "-" + string(b.Kind)} {
		root := "template/" + of
		err := fs.WalkDir(templates, root, func(from string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := b.fill(from)
			if err != nil {
				return err
			}
			to := b.called(strings.TrimPrefix(from, root+"/"))
			files = append(files, to)
			return write(filepath.Join(dir, to), text)
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(files)
	return files, nil
}

// called is a template's name in the module's folder. A file called name is
// named after the module, and .tmpl, which hides Go files from Go, is dropped.
func (b Beginning) called(from string) string {
	to := strings.TrimSuffix(from, ".tmpl")
	if rest, ok := strings.CutPrefix(to, "name"); ok {
		return b.Name + rest
	}
	if to == "gitignore" {
		return ".gitignore"
	}
	return to
}

func (b Beginning) fill(from string) ([]byte, error) {
	t, err := template.ParseFS(templates, from)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	var text bytes.Buffer
	if err := t.Execute(&text, b); err != nil {
		return nil, fmt.Errorf("fill template: %w", err)
	}
	return text.Bytes(), nil
}

// copySDK writes the SDK as a Go module of its own, without its tests.
func (b Beginning) copySDK(dir string) error {
	if b.SDK == nil {
		return errors.New("copy SDK: there is none")
	}
	for _, name := range []string{"go.mod", "README.md"} {
		text, err := b.fill("template/sdk/" + name + ".tmpl")
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, name), text); err != nil {
			return err
		}
	}
	return fs.WalkDir(b.SDK, ".", func(from string, d fs.DirEntry, err error) error {
		if ext := path.Ext(from); err != nil || d.IsDir() || ext != ".go" && ext != ".s" || strings.HasSuffix(from, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(b.SDK, from)
		if err != nil {
			return fmt.Errorf("read SDK: %w", err)
		}
		return write(filepath.Join(dir, "sdk", filepath.FromSlash(from)), text)
	})
}

func write(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // source is no secret
		return fmt.Errorf("make folder: %w", err)
	}
	if err := os.WriteFile(name, text, 0o644); err != nil { //nolint:gosec // source is no secret
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}
