package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/techmedaddy/vigil/"

// words are what every stage and every technology may speak.
const words = "sdk/vigil sdk/abi platform/internal/flow"

// may is read top down; the first row whose name is a prefix of a package
// rules it. The standard library is always allowed.
var may = []struct{ pkg, imports string }{
	{"sdk/vigil", ""},
	{"sdk/abi", ""},
	{"sdk/", "sdk/"},
	{"sdk", ""},
	{"modules/", "sdk/"},
	{"agent", "sdk/ agent"},
	{"platform/internal/archtest", ""},
	{"platform/internal/flow", "sdk/vigil"},
	{"platform/internal/durable", ""},

	// The core, in the order a sample flows. It knows only the words.
	{"platform/internal/ingest", words + " github.com/prometheus/otlptranslator"},
	{"platform/internal/metrics/page", "github.com/klauspost/compress"},
	{"platform/internal/metrics", words + " platform/internal/metrics/page"},
	{"platform/internal/policy", words},
	{"platform/internal/guard/brake", words + " github.com/robfig/cron"},
	{"platform/internal/guard", words},
	{"platform/internal/remedy", words + " platform/internal/guard"},
	{"platform/internal/remediator", words + " platform/internal/durable"},
	{"platform/internal/audit", words + " platform/internal/durable"},

	// The rim: each edge has its foreign libraries, and no other package has them.
	{"platform/internal/wasm", words + " sdk/recorded sdk/actiontest github.com/tetratelabs/wazero"},
	{"platform/internal/module/trial", words + " sdk/policytest sdk/actiontest"},
	{"platform/internal/module/minisign", words + " golang.org/x/crypto"},
	{"platform/internal/module", words + " platform/internal/schema sdk/c/include go.yaml.in/yaml"},
	{"platform/internal/capability/secret", "sdk/vigil"},
	{"platform/internal/capability/program", "sdk/vigil"},
	{"platform/internal/capability/egress", "sdk/vigil platform/internal/capability/secret"},
	{"platform/internal/capability/command", "sdk/vigil platform/internal/capability/secret platform/internal/capability/program"},
	{"platform/internal/capability/recall", words + " platform/internal/capability"},
	{"platform/internal/capability", words + " platform/internal/durable"},
	{"platform/internal/demo", words},
	{"platform/internal/notify", words + " platform/internal/capability/egress platform/internal/capability/secret"},
	{"platform/internal/schema", words},
	{"platform/internal/sqlite", words + " platform/internal/durable modernc.org/ github.com/pressly/goose golang.org/x/sys"},
	{"platform/internal/promql", words + " github.com/prometheus/"},
	{"platform/internal/httpd", words + " github.com/gofiber/ github.com/danielgtaylor/huma github.com/valyala/fasthttp github.com/klauspost/compress/snappy"},
	{"platform/internal/telemetry", words + " go.opentelemetry.io/ github.com/prometheus/client_golang github.com/prometheus/common"},
	{"platform/internal/config", words + " go.yaml.in/yaml"},

	// Wiring, and the shells around it.
	{"platform/internal/app", "sdk/ agent platform/internal/"},
	{"platform/cmd/", "sdk platform/internal/ github.com/spf13/"},
}

// list runs go list and yields each package with its imports.
func list(t *testing.T, goos, goarch, pattern string, yield func(pkg string, imports []string)) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", pattern)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", pattern, err, &stderr)
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		yield(strings.TrimPrefix(p.ImportPath, module), p.Imports)
	}
}

func TestLayers_ArrowsPointDown(t *testing.T) {
	t.Parallel()
	f := func(goos, goarch, pattern string) {
		t.Helper()
		list(t, goos, goarch, pattern, func(pkg string, imports []string) {
			for _, complaint := range judge(pkg, imports) {
				t.Error(complaint)
			}
		})
	}
	f("linux", "amd64", module+"...")
	f("wasip1", "wasm", module+"sdk/...")
	f("wasip1", "wasm", module+"modules/...")
}

func TestLayers_RefuseAnArrowThatPointsUp(t *testing.T) {
	t.Parallel()
	f := func(pkg, imp string, want int) {
		t.Helper()
		if got := judge(pkg, []string{imp}); len(got) != want {
			t.Errorf("judge(%s imports %s) = %v, want %d complaints", pkg, imp, got, want)
		}
	}
	f("platform/internal/remedy", module+"platform/internal/guard", 0)
	f("platform/internal/remedy", module+"platform/internal/sqlite", 1)
	f("platform/internal/sqlite", module+"platform/internal/remedy", 1)
	f("platform/internal/policy", "github.com/tetratelabs/wazero", 1)
	f("sdk/vigil", module+"sdk/client", 1)
	f("platform/internal/newcomer", "fmt", 1)
}

func judge(pkg string, imports []string) (complaints []string) {
	for _, row := range may {
		if pkg != row.pkg && !strings.HasPrefix(pkg, row.pkg+"/") && !strings.HasSuffix(row.pkg, "/") {
			continue
		}
		if !strings.HasPrefix(pkg, row.pkg) {
			continue
		}
		for _, imp := range imports {
			// A package may always import what lies inside its own folder.
			if !allowed(imp, row.imports+" "+strings.TrimSuffix(row.pkg, "/")) {
				complaints = append(complaints, pkg+" must not import "+strings.TrimPrefix(imp, module))
			}
		}
		return complaints
	}
	return []string{pkg + " has no place in the picture; add a row to may"}
}

func allowed(imp, list string) bool {
	first, _, _ := strings.Cut(imp, "/")
	if !strings.Contains(first, ".") {
		return true // standard library
	}
	imp = strings.TrimPrefix(imp, module)
	for prefix := range strings.FieldsSeq(list) {
		if strings.HasPrefix(imp, prefix) {
			return true
		}
	}
	return false
}
