package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestHints_NameCommandsThatExist reads every hint in the source, and every
// example of a command, and looks the commands in them up.
func TestHints_NameCommandsThatExist(t *testing.T) {
	t.Parallel()
	root := (&cli{}).root()
	seen := 0
	check := func(where, text string) {
		for _, m := range regexp.MustCompile(`\bvigil ([a-z]+)(?: ([a-z]+))?`).FindAllStringSubmatch(text, -1) {
			seen++
			cmd := child(root, m[1])
			if cmd == nil {
				t.Errorf("%s: %q is no command: %s", where, m[1], text)
			} else if cmd.HasSubCommands() && m[2] != "" && child(cmd, m[2]) == nil {
				t.Errorf("%s: vigil %s has no %q: %s", where, m[1], m[2], text)
			}
		}
	}
	hints(t, check)
	examples(root, check)
	if seen < 30 {
		t.Errorf("found only %d commands; is the reader blind?", seen)
	}
}

func child(cmd *cobra.Command, name string) *cobra.Command {
	for _, c := range cmd.Commands() {
		if c.Name() == name || c.HasAlias(name) {
			return c
		}
	}
	return nil
}

func examples(cmd *cobra.Command, check func(where, text string)) {
	check(cmd.CommandPath(), cmd.Example)
	for _, c := range cmd.Commands() {
		examples(c, check)
	}
}

// hints yields the text of every call of Hinted.
func hints(t *testing.T, check func(where, text string)) {
	t.Helper()
	fset := token.NewFileSet()
	err := filepath.WalkDir("../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
			return err
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			lit, isText := call.Args[0].(*ast.BasicLit)
			if ok && isText && sel.Sel.Name == "Hinted" {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					check(fset.Position(lit.Pos()).String(), text)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
