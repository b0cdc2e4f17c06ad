package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs testdata/script: each file is a story that a person could
// type. The command vigil-up starts a whole Vigil on free ports and tells vigil
// and curl where it is, in $VIGIL_SERVER and $REMEDIATOR; vigil-kill ends it as
// a power cut would, and vigil-up starts it again on the same data. peer-up
// starts another server, at $PEER, which tells peer.log what it was asked last; harm
// writes to a database behind Vigil's back.
func TestScripts(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"clang", "wasm-ld"} {
		if _, err := exec.LookPath(tool); err != nil && os.Getenv("CI") != "" {
			t.Fatalf("MISSING: %s; install clang and lld", tool) // else scripts about C only say that they skip
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			cache, err := cacheDir()
			if err != nil {
				return err
			}
			repo, err := filepath.Abs("../../..")
			e.Setenv("REPO", repo)
			e.Setenv("VIGIL_CACHE", cache)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("GORACE", "atexit_sleep_ms=0") // else each command of a script lasts a second longer
			e.Vars = append(e.Vars, goCaches()...)  // a module is built in a script
			e.Setenv("DATA", filepath.Join(e.WorkDir, "data"))
			e.Values[running{}] = new(*process)
			e.Values[ownTest{}] = e.T().(testing.TB)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"vigil-up": scriptUp, "vigil-kill": scriptKill, "peer-up": scriptPeer, "harm": scriptHarm},
	})
}

// running is the key under which a script keeps its process.
type running struct{}

// ownTest is the key of the script's own test, which fails when what a script
// cannot see goes wrong.
type ownTest struct{}

func scriptKill(ts *testscript.TestScript, neg bool, _ []string) {
	p, ok := ts.Value(running{}).(**process)
	if neg || !ok || *p == nil {
		ts.Fatalf("vigil-kill: vigil-up comes first")
	}
	(*p).kill()
}

// scriptHarm changes a database as somebody would who may write its file: past
// the triggers.
func scriptHarm(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("harm: want a data directory and SQL")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(filepath.Join(args[0], "default", "vigil.db")))
	ts.Check(err)
	_, err = db.ExecContext(context.Background(), "DROP TRIGGER IF EXISTS audit_keeps; DROP TRIGGER IF EXISTS audit_stays; "+args[1])
	ts.Check(errors.Join(err, db.Close()))
}

func scriptPeer(ts *testscript.TestScript, _ bool, _ []string) {
	path := ts.MkAbs("peer.log")
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		line := fmt.Sprintf("%s %s %s %s\n", r.Method, r.URL, r.Header.Get("Authorization"), body)
		if os.WriteFile(path, []byte(line), 0o600) != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thanks"+strings.Repeat("\xff", 1<<20-len("thanks"))) // the most that a module can be told
	}))
	ts.Defer(peer.Close)
	ts.Setenv("PEER", peer.URL)
}

func scriptUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("vigil-up: to see it fail, exec vigil up")
	}
	bin, err := exec.LookPath("vigil")
	ts.Check(err)
	args = append([]string{
		"up", "--data", ts.Getenv("DATA"), "--listen", "127.0.0.1:0", "--remediator-listen", "127.0.0.1:0",
	}, args...)
	p, err := launch(context.Background(), bin, environ(ts.Getenv("HOME")), args...)
	ts.Check(err)
	if now, ok := ts.Value(running{}).(**process); ok {
		*now = p
	}
	ts.Setenv("VIGIL_SERVER", p.Collector)
	ts.Setenv("REMEDIATOR", p.Hands)
	ts.Defer(func() {
		select {
		case <-p.exited: // by vigil-kill
			return
		default:
		}
		if err := p.stop(); err != nil {
			ts.Value(ownTest{}).(testing.TB).Errorf("stop of vigil up: %v", err)
		}
	})
}
