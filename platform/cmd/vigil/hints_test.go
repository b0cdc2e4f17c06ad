package main

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// suggestion is a command that some text in the source tells a person to type.
type suggestion struct {
	where string
	typed string // as it stands there; what a variable says is %s
}

// suggestions reads every text in the source, also those of which a variable is
// a part, and finds the commands in them: hints, examples, messages, all.
func suggestions(t *testing.T, root *cobra.Command) (all []suggestion) {
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
			e, ok := n.(ast.Expr)
			text, isText := textOf(e)
			if !ok || !isText {
				return true
			}
			for _, c := range commandsIn(root, text) {
				all = append(all, suggestion{fset.Position(n.Pos()).String(), c})
			}
			return false
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// textOf is the text that an expression makes, if a text is a part of it.
func textOf(e ast.Expr) (text string, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, e.Kind == token.STRING && err == nil
	case *ast.BinaryExpr:
		left, leftText := textOf(e.X)
		right, rightText := textOf(e.Y)
		if e.Op != token.ADD || !leftText && !rightText {
			return "", false
		}
		return cmp.Or(left, "%s") + cmp.Or(right, "%s"), true
	}
	return "", false
}

var (
	aCommand = regexp.MustCompile(`\bvigil [a-z][^\n;()]*`)
	// itsEnd is where a command ends and a sentence, or another command, goes on.
	itsEnd = regexp.MustCompile(`  +|, |\.$|[.,:]? && |[.,:] |\. | (is|and|or|can|once|with|makes|writes|takes|embeds|plays|shows|so|to)\b|\bvigil `)
	quoted = regexp.MustCompile(` ('[^'\n]*'|"[^"\n]*")`)
)

// commandsIn finds the commands in a text. What stands in quotes belongs to the
// command, whatever it is.
func commandsIn(root *cobra.Command, text string) (found []string) {
	mask := quoted.ReplaceAllStringFunc(text, func(q string) string { return " " + strings.Repeat("Q", len(q)-1) })
	for len(mask) > 0 {
		at := aCommand.FindStringIndex(mask)
		if at == nil {
			break
		}
		end, from := at[1], at[0]+len("vigil ")
		if stop := itsEnd.FindStringIndex(mask[from:end]); stop != nil {
			end = from + stop[0]
		}
		name, _, _ := strings.Cut(mask[from:end], " ")
		if child(root, name) != nil {
			found = append(found, strings.TrimSpace(text[at[0]:end]))
		}
		mask, text = mask[end:], text[end:]
	}
	return found
}

func child(cmd *cobra.Command, name string) *cobra.Command {
	for _, c := range cmd.Commands() {
		if c.Name() == name || c.HasAlias(name) {
			return c
		}
	}
	return nil
}

// untyped are the suggestions that this test cannot type, and why.
var untyped = map[string]string{
	"vigil breaker reset POLICY":                  "wants a breaker that tripped; groups.txtar types it",
	"vigil breaker reset %s":                      "wants a breaker that tripped; groups.txtar types it",
	"vigil collector --data /var/lib/vigil":       "writes outside of the test's folders",
	"vigil module dev queue-long":                 "goes on until Ctrl-C; module-dev.txtar types it",
	"vigil backup --out /backup/vigil-monday.db":  "writes outside of the test's folders; backup.txtar types it",
	"vigil restore":                               "wants a stopped Vigil; backup.txtar types it",
	"vigil restore FILE":                          "wants a stopped Vigil; backup.txtar types it",
	"vigil remediation approve %s":                "wants a remediation that waits; approve.txtar types it",
	"vigil remediation approve %s --yes":          "wants a remediation that waits; approve.txtar types it",
	"vigil policy promote %s":                     "wants one that is not in auto; promote.txtar types it",
	"vigil policy promote %s --yes":               "wants one that is not in auto; promote.txtar types it",
	"vigil policy mode NAME MODE":                 "a mode is a word; policy.txtar types it",
	"vigil resume HOLDER":                         "wants several holders; brakes.txtar types it",
	"vigil audit verify --data BACKUP --key FILE": "wants a backup; audit.txtar types it",
	"vigil audit verify --data /backup/vigil-monday.db --key ./vigil-data.audit/key": "wants a backup; audit.txtar types it",
	"vigil restore FILE --force":                                "wants a stopped Vigil; backup.txtar types it",
	"vigil restore /backup/vigil-monday.db --data ./vigil-data": "wants a stopped Vigil; backup.txtar types it",
}

// TestSuggestions_Work types every command that Vigil suggests anywhere, in a
// place where it makes sense, and each must succeed.
func TestSuggestions_Work(t *testing.T) {
	t.Parallel()
	root := (&cli{}).root()
	p := newPlace(t)
	typed, skipped := map[string]bool{}, maps.Clone(untyped)
	all := suggestions(t, root)
	slices.SortStableFunc(all, func(a, b suggestion) int { // daemons last: another remediator is news
		return cmp.Compare(strconv.FormatBool(isDaemon(a.typed)), strconv.FormatBool(isDaemon(b.typed)))
	})
	for _, s := range all {
		if untyped[s.typed] != "" {
			delete(skipped, s.typed)
			continue
		}
		if typed[s.typed] {
			continue
		}
		typed[s.typed] = true
		if out, err := p.typed(t, root, s.typed); err != nil {
			t.Errorf("%s suggests %q: %v\n%s", s.where, s.typed, err, out)
		}
	}
	if len(typed) < 50 {
		t.Errorf("typed only %d commands; is the reader blind?", len(typed))
	}
	if len(skipped) > 0 {
		t.Errorf("nobody suggests these any more: %q", slices.Collect(maps.Keys(skipped)))
	}
}

func TestCommandsIn_FindsThemInSentences(t *testing.T) {
	t.Parallel()
	root := (&cli{}).root()
	f := func(text string, want ...string) {
		t.Helper()
		if got := commandsIn(root, text); !slices.Equal(got, want) {
			t.Errorf("commandsIn(%q) = %q, want %q", text, got, want)
		}
	}
	f("vigil policy rm NAME, or apply it with another module", "vigil policy rm NAME")
	f("to take away: vigil grant ls %s, vigil grant rm ID", "vigil grant ls %s", "vigil grant rm ID")
	f("vigil up once, or name it", "vigil up")
	f("(see vigil module ls)", "vigil module ls")
	f("  vigil up --once       heal it\n  vigil doctor", "vigil up --once", "vigil doctor")
	f("vigil module test && vigil module build", "vigil module test", "vigil module build")
	f("vigil is up at %s")
	f(`try: vigil sql "SELECT a, count(*) FROM b" -o json`, `vigil sql "SELECT a, count(*) FROM b" -o json`)
	f("a module's own, see vigil grant ls, isn't it", "vigil grant ls")
}
