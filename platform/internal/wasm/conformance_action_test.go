package wasm_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/actiontest"
	"github.com/techmedaddy/vigil/sdk/conformance"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// actionLanguages are the folders of the restart-service module in each
// language.
var actionLanguages = map[string]string{"go": restartDir, "c": "../../../sdk/c/examples/restart-service"}

var actionVectors = filepath.Join(restartDir, "testdata")

func restartIn(t testing.TB, language string) []byte {
	t.Helper()
	if language == "c" {
		needClang(t)
	}
	return build(t, actionLanguages[language])
}

func TestConformance_ActionsKeepTheProtocol(t *testing.T) {
	t.Parallel()
	for language := range actionLanguages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			g := newBareAction(t, wazero.NewRuntimeConfigCompiler(), restartIn(t, language))
			if err := conformance.ActionProtocol(g); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestConformance_ActionsPassTheVectorsCompiledAndInterpreted(t *testing.T) {
	t.Parallel()
	for language := range actionLanguages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			for name, config := range map[string]wazero.RuntimeConfig{
				"compiler": wazero.NewRuntimeConfigCompiler(), "interpreter": wazero.NewRuntimeConfigInterpreter(),
			} {
				if err := conformance.ActionVectors(newBareAction(t, config, restartIn(t, language)), os.DirFS(actionVectors), "*.json"); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// TestConformance_ActionsPassTheVectorsInTheSandbox plays them behind the whole
// host, whose fuel and quotas a guest must do with.
func TestConformance_ActionsPassTheVectorsInTheSandbox(t *testing.T) {
	t.Parallel()
	for language := range actionLanguages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			module, e := restartIn(t, language), engine(t, wasm.Options{})
			if _, err := e.Check(t.Context(), module); err != nil {
				t.Fatal(err)
			}
			paths, err := filepath.Glob(filepath.Join(actionVectors, "*.json"))
			if err != nil || len(paths) == 0 {
				t.Fatal(paths, err)
			}
			for _, path := range paths {
				doc, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				v, err := actiontest.Parse(doc)
				if err != nil {
					t.Fatal(err)
				}
				world := v.World()
				out, _, err := e.RunAction(t.Context(), digest(module), func() ([]byte, error) { return module, nil }, v.Input, actiontest.Hosted{World: world})
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				for _, diff := range v.Diffs(out, world.Calls) {
					t.Errorf("%s: %s", path, diff)
				}
			}
		})
	}
}

func TestConformance_GoAndCActAlike(t *testing.T) {
	t.Parallel()
	one := newBareAction(t, wazero.NewRuntimeConfigCompiler(), restartIn(t, "go"))
	other := newBareAction(t, wazero.NewRuntimeConfigCompiler(), restartIn(t, "c"))
	for seed := range uint64(2) {
		if err := conformance.AgreeOnAnswers(one, other, seed, 50); err != nil {
			t.Error(err)
		}
	}
}

func TestSDKForC_ActsWithAllItHas(t *testing.T) {
	t.Parallel()
	needClang(t)
	g := newBareAction(t, wazero.NewRuntimeConfigCompiler(), build(t, "../../../sdk/c/testdata/act"))
	f := func(with, code, message, calls string) {
		t.Helper()
		world := actiontest.NewWorld(vigil.ServiceStatus{Service: "web", Up: true, PID: 41})
		b, err := g.Run(world, []byte(`{"attempt":12,"target":"service:web@host-1","with":`+with+`}`))
		if err != nil {
			t.Errorf("with %s: %v", with, err)
			return
		}
		var out vigil.ActionOutput
		if err := json.Unmarshal(b, &out); err != nil {
			t.Errorf("with %s: answered %s: %v", with, b, err)
		}
		var did string
		for _, c := range world.Calls {
			did += c.Op + " " + string(c.Request) + "\n"
		}
		if out.OK != (code == "") || out.Code != code || out.Message != message || did != calls || out.OK && len(out.Data) == 0 {
			t.Errorf("with %s: %s after\n%swant %q %q after\n%s", with, b, did, code, message, calls)
		}
	}
	twice := func(grace string) string {
		return strings.Repeat(`service.stop {"service":"web","grace":`+grace+`,"more":[1,{}]}`+"\n", 2)
	}
	f(`{"grace":5}`, "", "stopped web at 0.333333 on host-1 in attempt -12", twice("5"))
	f(`{"mark":"\u0021\""}`, "", `stopped web at 0.333333 on host-1 in attempt -12!"`, twice("-9223372036854775808"))
	f(`{"mute":true}`, "action_failed", "the action did not say how it ended", "")
	f(`{"grace":-1}`, "settings_invalid", "with: grace: must not be negative", "")
	f(`{"silent":true}`, "settings_unknown_field", "with: silent: no such setting; known: grace, mark, mute", "")
	f(`[]`, "settings_type", "with: want an object", "")
}
