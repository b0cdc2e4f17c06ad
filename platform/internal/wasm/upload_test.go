package wasm_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/app"
	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// TestUpload_OfAnAttackIsAProblemWithSectionAndOffset posts every attack, and a
// compile bomb, to a collector, which answers others all the while.
func TestUpload_OfAnAttackIsAProblemWithSectionAndOffset(t *testing.T) { //nolint:tparallel // one collector takes one after the other
	t.Parallel()
	conf := config.Default()
	conf.Data, conf.Listen, conf.Modules.CompileTime = t.TempDir(), "127.0.0.1:0", vigil.Duration(time.Second)
	a, err := app.Start(t.Context(), app.Options{
		Config: conf, Collector: true, Cache: t.TempDir(), Compiler: []string{os.Args[0], "compile-apart"},
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Stop(t.Context())
	attacks := append(wasm.Attacks(t), wasm.Attack{
		Name: "A21 a compile bomb within every limit", Code: "module_compile_timeout", Section: "code", Module: wasm.CompileBomb(t), Limit: true,
	})
	for _, attack := range attacks {
		t.Run(attack.Name, func(t *testing.T) {
			status, problem := post(t, a.CollectorURL+"/api/v1/modules", attack.Module)
			_, offset := problem["offset"].(float64)
			if status != http.StatusUnprocessableEntity || problem["code"] != attack.Code || problem["section"] != attack.Section || !offset || attack.Limit && problem["limit"] == nil {
				t.Errorf("%d %v, want 422 %s in section %s", status, problem, attack.Code, attack.Section)
			}
			if status, _ := post(t, a.CollectorURL+"/ingest", []byte(`{"name":"x","value":1}`)); status != http.StatusOK {
				t.Errorf("a sample afterwards: %d", status)
			}
		})
	}
}

func post(t *testing.T, url string, body []byte) (status int, answer map[string]any) {
	t.Helper()
	kind := "application/wasm"
	if bytes.HasPrefix(body, []byte("{")) {
		kind = "application/json"
	}
	resp, err := http.Post(url, kind, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}
