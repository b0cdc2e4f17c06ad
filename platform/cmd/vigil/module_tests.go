package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/platform/internal/module/trial"
	"github.com/techmedaddy/vigil/sdk/policytest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// tested is what module test prints as data.
type tested struct {
	Module  string         `json:"module"`
	Native  string         `json:"native"` // ok, failed, or none: there are no tests in Go
	Failed  int            `json:"failed"`
	Results []trial.Result `json:"results"`
	said    error          // by go test
}

func (c *cli) moduleTest() *cobra.Command {
	var vectors string
	cmd := &cobra.Command{
		Use:   "test [DIR | FILE.wasm]",
		Short: "Play a module's test vectors, natively and in the sandbox",
		Long: `Play a module's test vectors, natively and in the sandbox.

In a folder, go test runs first; then the module is built, and each vector in
testdata passes the sandbox: a policy's under three splits of its samples. What
the module says must be what the vector wants and what it said natively. Of a
file, in whatever language it was written, the sandbox's half is done, with the
vectors in testdata beside it or, where there is none, with those inside.`,
		Example: `  vigil module test
  vigil module test threshold.wasm --vectors modules/policies/threshold/testdata`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			what := "."
			if len(args) == 1 {
				what = args[0]
			}
			t, err := testModule(cmd.Context(), what, vectors)
			if err != nil {
				return err
			}
			return c.tell(t)
		},
	}
	cmd.Flags().StringVar(&vectors, "vectors", "", "`folder` of the vectors (default testdata beside the module, or those inside a file)")
	return cmd
}

func testModule(ctx context.Context, what, vectors string) (tested, error) {
	info, err := os.Stat(what)
	if err != nil {
		return tested{}, vigil.Errorf(vigil.NotFound, "file_unreadable", "%v", err)
	}
	if info.IsDir() {
		t, _, err := testFolder(ctx, what, orElse(vectors, filepath.Join(what, "testdata")))
		return t, err
	}
	code, err := readBounded(what, vigil.MaxModuleSize)
	if err != nil {
		return tested{}, err
	}
	beside := filepath.Join(filepath.Dir(what), "testdata")
	if _, err := trial.Vectors(beside); vectors == "" && vigil.KindOf(err) == vigil.NotFound {
		return testEmbedded(ctx, code, beside)
	}
	return testCode(ctx, code, orElse(vectors, beside), "")
}

// testEmbedded plays the vectors that the module carries; where it carries none,
// what is missing is beside it.
func testEmbedded(ctx context.Context, code []byte, beside string) (tested, error) {
	got, err := inspectModule(code)
	if err != nil {
		return tested{}, err
	}
	dir, err := os.MkdirTemp("", "vigil-vectors-*")
	if err != nil {
		return tested{}, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system cleans its own temporary folder
	for i, doc := range got.Manifest.Vectors {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("embedded-%02d.json", i)), doc, 0o600); err != nil {
			return tested{}, fmt.Errorf("unpack vectors: %w", err)
		}
	}
	if len(got.Manifest.Vectors) > 0 {
		beside = dir
	}
	return testCode(ctx, code, beside, "")
}

// testFolder plays natively first, since that tells most about a mistake; then
// it builds. It returns the module, too.
func testFolder(ctx context.Context, dir, vectors string) (tested, []byte, error) {
	played, err := os.MkdirTemp("", "vigil-played-*")
	if err != nil {
		return tested{}, nil, err
	}
	defer os.RemoveAll(played) //nolint:errcheck // the system cleans its own temporary folder
	var native error
	if module.HasTests(dir) {
		native = module.TestNatively(ctx, dir, policytest.EnvPlayed+"="+played)
	}
	if native != nil && vigil.KindOf(native) == vigil.NotFound {
		return tested{}, nil, native
	}
	code, err := built(ctx, dir)
	if err != nil {
		return tested{}, nil, err
	}
	t, err := testCode(ctx, code, vectors, played)
	if module.HasTests(dir) {
		t.Native, t.said = "ok", native
	}
	if native != nil {
		t.Native = "failed"
	}
	return t, code, err
}

func testCode(ctx context.Context, code []byte, vectors, played string) (tested, error) {
	paths, err := trial.Vectors(vectors)
	if err != nil {
		return tested{}, err
	}
	s, err := openSandbox(ctx, code)
	if err != nil {
		return tested{}, err
	}
	defer s.close(ctx)
	results, err := s.play(ctx, paths, played)
	return tested{Module: s.manifest.Name, Native: "none", Failed: trial.Failed(results), Results: results}, err
}

// tell prints how a test went; what failed is an error.
func (c *cli) tell(t tested) error {
	if err := c.print(t, func(w io.Writer) { testRows(w, t) }); err != nil {
		return err
	}
	for i := 0; i < len(t.Results); i++ {
		r := t.Results[i]
		for ; i+1 < len(t.Results) && t.Results[i+1].Vector == r.Vector && t.Results[i+1].Diff == r.Diff; i++ {
			r.Split += ", " + t.Results[i+1].Split // the same mistake is told once
		}
		if !r.OK && !t.toldNatively(r) {
			fmt.Fprintf(c.err, "%s, %s: %s\n", r.Vector, r.Split, plainLines(r.Diff))
		}
	}
	switch {
	case t.said != nil:
		return t.said
	case t.Failed > 0:
		return vigil.Errorf(vigil.Invalid, "module_test", "%d of %d plays failed", t.Failed, len(t.Results))
	}
	return nil
}

// toldNatively reports whether go test has failed of the same vector: its own
// words, which are told last, say it better.
func (t tested) toldNatively(r trial.Result) bool {
	return t.said != nil && !strings.Contains(r.Diff, "against native") && strings.Contains(t.said.Error(), r.Vector)
}

func testRows(w io.Writer, t tested) {
	row(w, "VECTOR", "SPLIT", "SANDBOX", "AS NATIVE")
	for _, r := range t.Results {
		said, same := "ok", "-"
		if !r.OK {
			said = "failed"
		}
		if r.Compared {
			same = said
		}
		row(w, r.Vector, r.Split, said, same)
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
