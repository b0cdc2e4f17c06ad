package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	root         = "../../.."
	maxFile      = 600 // lines
	maxFunc      = 80  // lines; wiring excepted
	medianFile   = 150
	medianFunc   = 12
	wiringFolder = "platform/internal/app"
)

// folders are the project's: what else lies in a checkout, such as a module that
// somebody makes there by README's commands, is held to nothing.
func folders() []string { return []string{"platform", "agent", "modules", "sdk", "scripts"} }

// sources yields every Go file of the project that people write.
func sources(t *testing.T, yield func(path string, text []byte)) {
	t.Helper()
	for _, folder := range folders() {
		walk(t, filepath.Join(root, folder), yield)
	}
}

func walk(t *testing.T, folder string, yield func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		yield(filepath.ToSlash(rel), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSizes_FilesAndFunctionsStayReadable(t *testing.T) {
	t.Parallel()
	var files, funcs []int
	sources(t, func(path string, text []byte) {
		test := strings.HasSuffix(path, "_test.go")
		if n := bytes.Count(text, []byte("\n")); n > maxFile {
			t.Errorf("%s has %d lines, at most %d: split it by sentence", path, n, maxFile)
		} else if !test {
			files = append(files, n)
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || test {
				continue
			}
			n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1
			if n > maxFunc && !strings.HasPrefix(path, wiringFolder) {
				t.Errorf("%s: func %s has %d lines, at most %d", path, fn.Name.Name, n, maxFunc)
			}
			funcs = append(funcs, n)
		}
	})
	if m := median(files); m > medianFile {
		t.Errorf("the median file has %d lines, at most %d", m, medianFile)
	}
	if m := median(funcs); m > medianFunc {
		t.Errorf("the median function has %d lines, at most %d", m, medianFunc)
	}
}

func TestPackages_OpenWithAnEssay(t *testing.T) {
	t.Parallel()
	has, all := map[string]bool{}, map[string]bool{}
	sources(t, func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		dir := filepath.Dir(path)
		all[dir] = true
		f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		has[dir] = has[dir] || f.Doc != nil && len(strings.Fields(f.Doc.Text())) >= 15
	})
	for dir := range all {
		if !has[dir] {
			t.Errorf("%s has no package comment that says what it promises", dir)
		}
	}
}

func median(n []int) int {
	slices.Sort(n)
	return n[len(n)/2]
}
