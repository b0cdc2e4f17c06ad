package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxFiles bounds the source files of one module.
const maxFiles = 1000

// FromGo reads the Go module in dir and makes the schema of the struct that its
// settings are decoded into: the second parameter of a policy's Evaluate, the
// third of an action's Run. It needs neither a compiler nor the packages that
// the source imports. If there is no such method, the schema is nil.
//
// A field's name is its json tag's. The tags doc, default, min, max and enum
// (values with commas between) become description, default, minimum, maximum
// and enum, which a guest of the SDK keeps, too; pattern and format are kept by
// the host alone.
func FromGo(dir string) (map[string]any, error) {
	src, err := read(dir)
	if err != nil {
		return nil, err
	}
	settings, err := src.settings()
	if err != nil || settings == nil {
		return nil, err
	}
	s, err := src.of(settings, spot{})
	if err != nil {
		return nil, err
	}
	if s["type"] != "object" || s["properties"] == nil {
		return nil, unreadable("the type of the settings must be a struct")
	}
	s["$schema"] = Draft
	return s, nil
}

func unreadable(format string, args ...any) *vigil.Error {
	return vigil.Errorf(vigil.Invalid, "module_settings", "settings: %s", fmt.Sprintf(format, args...))
}

// source is what the files of a module declare.
type source struct {
	types   map[string]ast.Expr
	reads   map[string]string // types that read themselves: how their JSON is typed, "" if it may be anything
	methods []*ast.FuncDecl   // Evaluate and Run
}

// read parses the files that are built for the sandbox.
func read(dir string) (*source, error) {
	target := build.Default
	target.GOOS, target.GOARCH, target.CgoEnabled = "wasip1", "wasm", false
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read source: %w", err)
	}
	src := &source{types: map[string]ast.Expr{}, reads: map[string]string{}}
	files := 0
	for _, e := range entries {
		name := e.Name()
		if filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if ours, err := target.MatchFile(dir, name); err != nil || !ours {
			continue // what the compiler will say about it is better
		}
		if files++; files > maxFiles {
			return nil, vigil.Errorf(vigil.TooLarge, "module_files", "%s has more than %d Go files", dir, maxFiles)
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, vigil.Errorf(vigil.Invalid, "module_build", "%.1024s", err.Error())
		}
		src.add(f)
	}
	return src, nil
}

func (src *source) add(f *ast.File) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if t, ok := spec.(*ast.TypeSpec); ok && t.TypeParams == nil {
					src.types[t.Name.Name] = t.Type
				}
			}
		case *ast.FuncDecl:
			if d.Recv == nil || len(d.Recv.List) != 1 {
				continue
			}
			switch d.Name.Name {
			case "Evaluate", "Run":
				src.methods = append(src.methods, d)
			case "UnmarshalJSON":
				src.reads[base(d.Recv.List[0].Type)] = ""
			case "UnmarshalText":
				src.reads[base(d.Recv.List[0].Type)] = "string"
			}
		}
	}
}

// base is the name of a receiver's type.
func base(t ast.Expr) string {
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// settings finds the parameter that the SDK decodes settings into.
func (src *source) settings() (found ast.Expr, err error) {
	for _, m := range src.methods {
		params := flat(m.Type.Params)
		var one ast.Expr
		switch {
		case len(params) != 3:
		case m.Name.Name == "Evaluate" && called(params[0]) == "policy.Batch" && called(params[2]) == "*policy.Decisions":
			one = params[1]
		case m.Name.Name == "Run" && called(params[0]) == "action.Context" && called(params[1]) == "vigil.ActionInput":
			one = params[2]
		}
		if one == nil {
			continue
		}
		if found != nil && called(found) != called(one) {
			return nil, unreadable("both %s and %s may be their type; a module registers one policy or action", called(found), called(one))
		}
		found = one
	}
	return found, nil
}

// flat lists the types of parameters, one for each.
func flat(list *ast.FieldList) (all []ast.Expr) {
	for _, f := range list.List {
		for range max(1, len(f.Names)) {
			all = append(all, f.Type)
		}
	}
	return all
}

// called is a type as it is written, as far as it has a name.
func called(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.Ident:
		return t.Name
	case *ast.StarExpr:
		return "*" + called(t.X)
	case *ast.SelectorExpr:
		return called(t.X) + "." + t.Sel.Name
	case *ast.StructType:
		return "struct{…}"
	}
	return fmt.Sprintf("%T", t)
}

// Join lays what an author wrote into module.yaml over the schema of the
// source: word by word, and property by property. A property that the source
// does not have is refused, since it would be refused by the guest.
func Join(source map[string]any, written []byte) ([]byte, error) {
	var over map[string]any
	if len(written) > 0 {
		in := json.NewDecoder(bytes.NewReader(written))
		in.UseNumber() // a number stays as it is written
		if err := in.Decode(&over); err != nil {
			return nil, unreadable("what module.yaml says of them is no object")
		}
	}
	have, _ := source["properties"].(map[string]any)
	for word, value := range over {
		if word != "properties" {
			source[word] = value
			continue
		}
		properties, _ := value.(map[string]any)
		for name, of := range properties {
			if _, ok := have[name]; !ok {
				return nil, unreadable("module.yaml has %.64q, the struct in the source has not", name).
					Hinted("leave properties out of module.yaml: the build writes them")
			}
			have[name] = of
		}
	}
	return json.Marshal(source)
}
