package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/module/builtin"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// place is where a person might sit who types what Vigil suggests: a folder with
// the files that are spoken of, beside a Vigil that runs.
type place struct {
	dir  string
	api  *client.Client
	env  []string
	rem  string // a remediation that ended
	dec  string // a decision
	kick string // the digest of an action that nobody granted anything
}

// isDaemon reports whether a command goes on until it is told to stop.
func isDaemon(command string) bool {
	return slices.Contains([]string{"up", "collector", "remediator"}, strings.Fields(command)[1])
}

const placePolicy = `
name: %s
module: threshold
select: queue_length
settings: {above: 100}
target: service:web
runbook: [{action: restart-service}]
`

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{dir: t.TempDir()}
	bury(t, p.dir)
	daemon := daemonIn(t, p.dir, "up", "--listen", "127.0.0.1:0", "--remediator-listen", "127.0.0.1:0")
	p.api = daemon.api(t)
	p.env = append(environ(p.dir), "VIGIL_SERVER="+daemon.Collector, "XDG_DATA_HOME="+filepath.Join(p.dir, "share"), "GORACE=atexit_sleep_ms=0")
	for name, from := range map[string]string{"vigil-data": "data", "share/vigil": "../data", "vigil-data.audit": "data.audit"} {
		symlink(t, from, filepath.Join(p.dir, name))
	}
	checkOut(t, p.dir, "modules", "sdk")
	p.modules(t)
	write(t, p.dir, "vigil.yaml", "remediator: {host: elsewhere}\n")
	for _, name := range []string{"cpu-high", "queue-long"} {
		p.run(t, "vigil policy apply -f "+write(t, p.dir, name+".yaml", fmt.Sprintf(placePolicy, name)))
	}
	p.run(t, "vigil maintenance add weekly --cron '0 2 * * SUN' --duration 2h")
	p.rem, p.dec = p.remediated(t), p.decided(t)
	return p
}

// modules puts modules there: built-in ones as files, a folder, an action, keys.
func (p *place) modules(t *testing.T) {
	t.Helper()
	mods, err := builtin.Modules()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mods {
		write(t, p.dir, m.Name+".wasm", string(m.Wasm))
	}
	write(t, p.dir, "mine.wasm", read(t, filepath.Join(p.dir, "threshold.wasm")))
	symlink(t, "modules/policies/threshold/testdata", filepath.Join(p.dir, "testdata"))
	kick, err := filepath.Abs("testdata/module/kick")
	if err != nil {
		t.Fatal(err)
	}
	p.run(t, "vigil module new queue-long", "vigil module build "+kick+" --out kick.wasm", "vigil module push kick.wasm",
		"vigil module keygen", "vigil module sign threshold.wasm")
	m, err := p.api.Module(t.Context(), "kick")
	if err != nil {
		t.Fatal(err)
	}
	p.kick = m.Digest
}

// remediated has a service restarted, by a person's order.
func (p *place) remediated(t *testing.T) string {
	t.Helper()
	r, err := p.api.Request(t.Context(), vigil.Wish{Target: vigil.Target{Kind: "service", Name: "web"}, Action: "restart-service"})
	if err == nil {
		r, err = p.api.Await(t.Context(), r.ID, func(r vigil.Remediation) bool { return r.State.Final() })
	}
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// decided has a policy judge a sample.
func (p *place) decided(t *testing.T) (id string) {
	t.Helper()
	p.run(t, `curl -sf $VIGIL_SERVER/ingest -H "Content-Type: application/json" -d '{"name": "queue_length", "value": 150}'`)
	until(t, 10*time.Second, "a decision", func() bool {
		ds, err := p.api.Decisions(t.Context(), "queue-long", 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(ds) > 0 {
			id = ds[0].ID
		}
		return id != ""
	})
	return id
}

func (p *place) run(t *testing.T, commands ...string) {
	t.Helper()
	for _, c := range commands {
		if out, err := p.shell(t, p.dir, c); err != nil {
			t.Fatalf("%s: %v\n%s", c, err, out)
		}
	}
}

// shell types a command, with a vector on its standard input.
func (p *place) shell(t *testing.T, dir, command string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir, cmd.Env = dir, p.env
	if vector, err := os.Open(filepath.Join(p.dir, "testdata", "above.json")); err == nil {
		defer vector.Close()
		cmd.Stdin = vector
	}
	return cmd.CombinedOutput()
}

// typed types a suggestion as a person would: with something real for each
// placeholder, in a folder where it makes sense.
func (p *place) typed(t *testing.T, root *cobra.Command, suggested string) ([]byte, error) {
	t.Helper()
	command, dir := p.fill(t, p.whole(root, suggested)), p.dir
	switch {
	case suggested == "vigil module test" || suggested == "vigil module build" || strings.HasPrefix(suggested, "vigil module build . "):
		dir = filepath.Join(p.dir, "queue-long") // the folder of a module
	case strings.HasPrefix(suggested, "vigil module new") || suggested == "vigil module keygen":
		dir = t.TempDir() // what they write must not be there yet
	}
	switch {
	case strings.HasPrefix(command, "vigil up --once"):
		command += " --listen 127.0.0.1:0 --remediator-listen 127.0.0.1:0 --data " + t.TempDir()
	case isDaemon(command):
		return p.daemon(t, command)
	}
	return p.shell(t, dir, command)
}

var needed = regexp.MustCompile(`^[A-Z]+$`) // an argument; what may be left out stands in brackets

// whole adds the arguments that a command needs and a sentence leaves out.
func (p *place) whole(root *cobra.Command, command string) string {
	cmd, args, err := root.Find(strings.Fields(command)[1:])
	if err != nil || len(args) > 0 {
		return command
	}
	for _, word := range strings.Fields(cmd.Use)[1:] {
		if needed.MatchString(word) {
			command += " " + word
		}
	}
	return command
}

// fill puts something real in the place of each placeholder. What a variable
// says follows from the words before it.
func (p *place) fill(t *testing.T, command string) string {
	t.Helper()
	for before, is := range map[string]string{
		"vigil grant add MODULE": "service.restart service:web", "vigil grant add": "kick service.restart service:web",
		"vigil grant ls": "kick", "vigil module state ls": "kick", "vigil policy mode": "queue-long", "vigil policy show": "queue-long", "vigil remediation show": p.rem, "vigil why": "service:web",
		"vigil decision show": p.dec, "vigil decision replay": p.dec, "vigil maintenance rm": "weekly",
		"vigil audit ls --after": "0", "vigil demo": "burn", "vigil remediator --collector": "http://127.0.0.1:8000",
	} {
		for rest, ok := strings.CutPrefix(command, before+" %"); ok; rest, ok = strings.CutPrefix(command, before+" %") {
			first, others, _ := strings.Cut(is, " ")
			command, before, is = before+" "+first+rest[1:], before+" "+first, others
		}
	}
	command = strings.ReplaceAll(command, "'%s'", "service:web")
	words := strings.Fields(command)
	for i, word := range words {
		switch word {
		case "rem-4k2j9q8x7m":
			words[i] = p.rem
		case "dec-4k2j9q8x7m":
			words[i] = p.dec
		case "MODULE":
			words[i] = "kick"
		case "CAPABILITY":
			words[i] = "service.restart"
		case "TARGET":
			words[i] = "service:web"
		case "N/1h":
			words[i] = "3/1h"
		case "OLD", "NEW":
			words[i] = "restart-service"
		case "FILE", "FILE.wasm":
			words[i] = "threshold.wasm"
			if strings.HasPrefix(command, "vigil backup ") {
				words[i] = filepath.Join(t.TempDir(), "copy.db")
			}
		case "KEY":
			words[i] = "vigil.key"
		case "sha256:4f1c…":
			words[i] = p.kick
		case "ID":
			words[i] = p.granted(t)
		case "NAME":
			words[i] = "spare"
			p.run(t, "vigil policy apply -f "+write(t, p.dir, "spare.yaml", fmt.Sprintf(placePolicy, "spare")))
		default:
			continue
		}
		command = strings.Replace(command, word, words[i], 1)
	}
	return strings.ReplaceAll(command, "http://127.0.0.1:8000", "$VIGIL_SERVER")
}

// granted gives a grant that can be taken back.
func (p *place) granted(t *testing.T) string {
	t.Helper()
	g, err := p.api.Grant(t.Context(), vigil.Grant{Digest: "kick", Capability: "service.restart", Target: "service:db"})
	if err != nil {
		t.Fatal(err)
	}
	return g.ID
}

// daemon starts a daemon on free ports with data of its own, and stops it once
// it is ready.
func (p *place) daemon(t *testing.T, command string) ([]byte, error) {
	t.Helper()
	args := strings.Fields(strings.ReplaceAll(command, "$VIGIL_SERVER", os.Expand("$VIGIL_SERVER", p.lookup)))[1:]
	args = append(args, "--data", t.TempDir())
	if args[0] != "remediator" {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	if args[0] != "collector" {
		args = append(args, "--remediator-listen", "127.0.0.1:0")
	}
	if i := slices.Index(args, "vigil.yaml"); i >= 0 {
		args[i] = filepath.Join(p.dir, "vigil.yaml")
	} else if args[0] == "remediator" { // as another host than the one that is there
		args = append(args, "--config", filepath.Join(p.dir, "vigil.yaml"))
	}
	d, err := launch(t.Context(), vigilBinary(t), p.env, args...)
	if err != nil {
		return nil, err
	}
	return []byte(d.Output()), d.stop()
}

func (p *place) lookup(name string) string {
	for _, e := range p.env {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

// checkOut copies folders of the repository, with its go.mod.
func checkOut(t *testing.T, dir string, folders ...string) {
	t.Helper()
	for _, folder := range folders {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join("../../..", folder))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		write(t, dir, file, read(t, filepath.Join("../../..", file)))
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func symlink(t *testing.T, to, at string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}
