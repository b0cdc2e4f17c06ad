package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// answered is what the collector's HTTP interface said.
type answered struct {
	status int
	body   map[string]any
}

func ask(t *testing.T, method, url, media string, body []byte) answered {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", media)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return answered{}
	}
	defer resp.Body.Close()
	a := answered{status: resp.StatusCode}
	text, _ := io.ReadAll(resp.Body)
	if len(text) > 0 && json.Unmarshal(text, &a.body) != nil {
		t.Errorf("%s %s answered %q", method, url, text)
	}
	return a
}

// moduleNamed builds one of the tests' own modules.
func moduleNamed(t *testing.T, name string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), name+".wasm")
	if err := module.Build(t.Context(), filepath.Join("testdata/module", name), out); err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// again is the same module with other bytes, and so another digest: a custom
// section that nobody reads stands behind it.
func again(code []byte, n int) []byte {
	name := fmt.Sprintf("again-%04d", n)
	return append(slices.Clone(code), append([]byte{0, byte(len(name) + 1), byte(len(name))}, name...)...)
}

const oddPolicy = `{"name":"number-odd","module":"odd","select":"number","target":"service:web","runbook":[{"action":"kick"}]}`

// TestUpload_WithstandsRacesAndBrokenPeers puts the registry of a real collector
// under what clients do to it, kindly or not.
func TestUpload_WithstandsRacesAndBrokenPeers(t *testing.T) {
	t.Parallel()
	story := func(name string, tell func()) { t.Log(name); tell() } // in this order: each goes on where the last ended
	dir := t.TempDir()
	bury(t, dir)
	p := up(t, dir, "--no-agent")
	api, url := p.api(t), p.Collector+"/api/v1/modules"
	odd, kick := moduleNamed(t, "odd"), moduleNamed(t, "kick")
	upload := func(code []byte) answered { return ask(t, "POST", url, "application/wasm", code) }

	story("the-same-bytes-at-once-are-stored-once", func() {
		all := atOnce(8, func(int) answered { return upload(odd) })
		created := 0
		for _, a := range all {
			if a.status == http.StatusCreated {
				created++
			} else if a.status != http.StatusOK {
				t.Errorf("answered %d %v", a.status, a.body)
			}
			for _, key := range []string{"digest", "name", "version", "kind", "requires"} {
				if a.body[key] == nil || a.body[key] != nil && key == "digest" && a.body[key] != all[0].body[key] {
					t.Errorf("%s is %v in %v", key, a.body[key], a.body)
				}
			}
		}
		if records := recordsOf(t, api, "module.uploaded", fmt.Sprint(all[0].body["digest"])); created != 1 || records != 1 {
			t.Errorf("created %d times with %d records, want once each", created, records)
		}
	})
	story("a-peer-that-goes-away-leaves-nothing", func() {
		before := len(modulesOf(t, api))
		for _, sent := range []int{0, 1, len(kick) / 2, len(kick) - 1} {
			hangUp(t, p.Collector, kick, sent)
		}
		if got := len(modulesOf(t, api)); got != before {
			t.Errorf("%d modules, want %d", got, before)
		}
		if a := upload(kick); a.status != http.StatusCreated {
			t.Errorf("whole afterwards: %d %v", a.status, a.body)
		}
	})
	story("what-is-no-module-is-refused-with-the-place", func() {
		for name, c := range map[string]struct {
			code []byte
			want string
		}{
			"text": {[]byte("hello"), "module_malformed"}, "cut": {odd[:len(odd)/2], "module_malformed"},
			"no manifest": {[]byte("\x00asm\x01\x00\x00\x00"), "module_memory"},
			"imports":     {append([]byte("\x00asm\x01\x00\x00\x00\x02\x05"), 0xff, 0xff, 0xff, 0xff, 0x0f), "module_import_limit"},
		} {
			a := upload(c.code)
			if a.status != http.StatusUnprocessableEntity || a.body["code"] != c.want || a.body["section"] == nil || a.body["offset"] == nil {
				t.Errorf("%s: %d %v, want 422 %s with section and offset", name, a.status, a.body, c.want)
			}
		}
	})
	story("one-label-means-one-digest-also-after-a-restart", func() {
		atOnce(6, func(n int) answered { return upload(again(odd, n)) })
		before, err := api.Module(t.Context(), "odd@0.1.0")
		if err != nil {
			t.Fatal(err)
		}
		p.kill()
		p = up(t, dir, "--no-agent")
		api, url = p.api(t), p.Collector+"/api/v1/modules"
		after, err := api.Module(t.Context(), "odd@0.1.0")
		if err != nil || after.Digest != before.Digest {
			t.Errorf("odd@0.1.0 was %s and became %s, %v", before.Digest, after.Digest, err)
		}
	})
	story("a-module-is-deleted-or-bound-never-both", func() {
		for range 10 {
			upload(kick)
			boundOrDeleted(t, p.Collector)
		}
	})
}

// boundOrDeleted applies a policy whose runbook names kick while kick is deleted.
func boundOrDeleted(t *testing.T, base string) {
	t.Helper()
	both := atOnce(2, func(n int) answered {
		if n == 0 {
			return ask(t, "PUT", base+"/api/v1/policies/number-odd", "application/json", []byte(oddPolicy))
		}
		return ask(t, "DELETE", base+"/api/v1/modules/kick", "application/json", nil)
	})
	applied, deleted := both[0], both[1]
	switch {
	case applied.status == http.StatusCreated && deleted.status == http.StatusConflict:
		users, _ := deleted.body["used_by"].([]any)
		if deleted.body["code"] != "module_in_use" || len(users) != 1 || users[0] != "policy number-odd" {
			t.Errorf("delete answered %v", deleted.body)
		}
		if a := ask(t, "DELETE", base+"/api/v1/policies/number-odd", "application/json", nil); a.status != http.StatusNoContent {
			t.Errorf("policy rm answered %d %v", a.status, a.body)
		}
	case applied.status == http.StatusNotFound && deleted.status == http.StatusNoContent:
		if applied.body["code"] != "module_not_found" {
			t.Errorf("apply answered %v", applied.body)
		}
	default:
		t.Errorf("apply answered %d %v, delete %d %v", applied.status, applied.body, deleted.status, deleted.body)
	}
}

// atOnce calls f n times at once.
func atOnce(n int, f func(i int) answered) []answered {
	all := make([]answered, n)
	var ready, done sync.WaitGroup
	ready.Add(1)
	for i := range n {
		done.Go(func() {
			ready.Wait()
			all[i] = f(i)
		})
	}
	ready.Done()
	done.Wait()
	return all
}

// hangUp sends so much of an upload and closes the connection.
func hangUp(t *testing.T, base string, code []byte, sent int) {
	t.Helper()
	host := strings.TrimPrefix(base, "http://")
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /api/v1/modules HTTP/1.1\r\nHost: %s\r\nContent-Type: application/wasm\r\nContent-Length: %d\r\n\r\n", host, len(code))
	if _, err := c.Write(code[:sent]); err != nil {
		t.Errorf("send %d bytes: %v", sent, err)
	}
}

func modulesOf(t *testing.T, api *client.Client) []vigil.Module {
	t.Helper()
	all, err := api.Modules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func recordsOf(t *testing.T, api *client.Client, verb, object string) (n int) {
	t.Helper()
	all, err := api.Audit(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range all {
		if rec.Verb == verb && rec.Object == object {
			n++
		}
	}
	return n
}
