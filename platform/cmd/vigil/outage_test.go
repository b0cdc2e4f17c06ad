package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TestOutage_AgentKeepsWhatItMeasures kills the collector under an agent, and
// looks for what was measured meanwhile.
func TestOutage_AgentKeepsWhatItMeasures(t *testing.T) {
	t.Parallel()
	dir, addr := t.TempDir(), freeAddr(t)
	p := daemonIn(t, dir, "collector", "--listen", addr)
	bin, err := agentBinary()
	if err != nil {
		t.Fatal(err)
	}
	pidfile := write(t, dir, "this.pid", strconv.Itoa(os.Getpid()))
	agentFor(t, bin, p.Collector, dir, "--interval", "100ms", "--host", "far", "--service", "this="+pidfile)
	api := p.api(t)
	until(t, 30*time.Second, "samples arrive", func() bool {
		got, err := api.Latest(t.Context(), 10, "service_up")
		return err == nil && len(got) >= 5
	})

	p.kill()
	from := time.Now()
	spooled := func() (size int64) {
		files, _ := filepath.Glob(filepath.Join(dir, "spool", "*"))
		for _, f := range files {
			if fi, err := os.Stat(f); err == nil {
				size += fi.Size()
			}
		}
		return size
	}
	grown := 0
	for last := spooled(); grown < 10; grown++ { // ten measurements that nobody took
		until(t, 30*time.Second, "the agent keeps what it measures", func() bool { return spooled() > last })
		last = spooled()
	}
	to := time.Now()
	daemonIn(t, dir, "collector", "--listen", addr)

	at := func(when time.Time) string { return when.UTC().Format("2006-01-02T15:04:05.000000000Z") }
	sql := fmt.Sprintf(`SELECT id, ts, value FROM metrics WHERE name = 'service_up' AND ts > '%s' AND ts < '%s' ORDER BY id`, at(from), at(to))
	var rows []map[string]any
	until(t, 40*time.Second, "the samples of the outage are stored", func() bool {
		rows = query(t, vigilBinary(t), dir, sql)
		return len(rows) >= grown-1 // the first may have been measured before
	})
	last := ""
	for _, r := range rows {
		ts := r["ts"].(string)
		if ts <= last || r["value"] != 1.0 {
			t.Errorf("after %s comes %v, want newer and 1", last, r)
		}
		last = ts
	}
	t.Logf("%d samples of an outage of %s", len(rows), to.Sub(from))
}
