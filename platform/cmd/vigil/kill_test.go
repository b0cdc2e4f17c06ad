package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const countPolicy = `
name: count-high
module: threshold
select: count_high
settings: {above: 0.8}
target: service:counted
recover_for: 1s
mode: auto
guards: {cooldown: 0s, warmup: 0s, budget: 1000/1h}
runbook: [{action: restart-service}]
verify: {stabilise: 0s, window: 200ms}
`

// TestKill_LosesNoAckedSampleAndStartsNothingTwice kills Vigil with SIGKILL
// again and again while samples pour in and actions run. What was acknowledged
// must be there afterwards, and the service must not have been started more
// often than intents were made durable. VIGIL_KILLS sets how often (20).
func TestKill_LosesNoAckedSampleAndStartsNothingTwice(t *testing.T) {
	t.Parallel()
	cycles, err := strconv.Atoi(envOr("VIGIL_KILLS", "20"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	starts := filepath.Join(dir, "starts")
	conf := filepath.Join(dir, "vigil.yaml")
	text := fmt.Sprintf("services:\n  counted: {driver: command, start: [/bin/sh, -c, \"echo x >>%s; exec sleep 1000\"], stop: {grace: 1s}}\n", starts)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	acked := &ledger{}
	for range cycles {
		killOnce(t, dir, conf, acked, time.Duration(5+rng.IntN(400))*time.Millisecond)
	}
	judgeKills(t, dir, conf, starts, acked)
}

// ledger is what was acknowledged.
type ledger struct {
	mu   sync.Mutex
	seqs []int
	next int
}

func (l *ledger) take() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	return l.next
}

func (l *ledger) ack(seq int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seqs = append(l.seqs, seq)
}

func (l *ledger) acks() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.seqs)
}

// killOnce runs Vigil, pours samples into it and kills it after a while.
func killOnce(t *testing.T, dir, conf string, acked *ledger, after time.Duration) {
	t.Helper()
	p, err := launch(context.Background(), vigilBinary(t), environ(dir), "up", "--no-agent", "--config", conf,
		"--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--remediator-listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	api := p.api(t)
	if _, _, err := api.ApplyPolicy(t.Context(), "count-high", "application/yaml", []byte(countPolicy)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var pouring sync.WaitGroup
	for range 4 {
		pouring.Go(func() { pour(ctx, api, acked) })
	}
	time.Sleep(after)
	p.kill()
	cancel()
	pouring.Wait()
}

// pour sends one sample after the other; every one of them fires.
func pour(ctx context.Context, api *client.Client, acked *ledger) {
	for ctx.Err() == nil {
		seq := acked.take()
		now := time.Now()
		_, err := api.Ingest(ctx, []vigil.Sample{
			{Name: "seq", Value: float64(seq), Time: now, Labels: vigil.Labels{"n": strconv.Itoa(seq % 8)}},
			{Name: "count_high", Value: 0.9, Time: now},
		}, client.Sending{})
		if err == nil {
			acked.ack(seq)
		}
	}
}

func judgeKills(t *testing.T, dir, conf, starts string, acked *ledger) {
	t.Helper()
	bin := vigilBinary(t)
	rows := query(t, bin, dir, `SELECT DISTINCT CAST(value AS INTEGER) AS v FROM metrics WHERE name = 'seq'`)
	have := map[int]bool{}
	for _, r := range rows {
		have[int(r["v"].(float64))] = true
	}
	lost := 0
	for _, seq := range acked.seqs {
		if !have[seq] {
			lost++
		}
	}
	if lost > 0 || len(acked.seqs) == 0 {
		t.Errorf("%d of %d acknowledged samples are lost", lost, len(acked.seqs))
	}
	intents := query(t, bin, dir, `SELECT object, count(*) AS n FROM audit WHERE verb = 'remediation.running' GROUP BY object`)
	total := 0
	for _, r := range intents {
		total += int(r["n"].(float64))
	}
	raw, err := os.ReadFile(starts)
	if err != nil {
		t.Fatalf("no action ever started the service: %v", err)
	}
	if n := strings.Count(string(raw), "x"); n > total {
		t.Errorf("the service was started %d times on %d intents", n, total)
	} else {
		t.Logf("%d samples acknowledged, none lost; %d intents, %d starts, %d remediations", len(acked.seqs), total, n, len(intents))
	}
	noAttemptTwice(t, query(t, bin, dir, `SELECT body FROM remediations`))
	verifyAudit(t, dir, conf)
}

// noAttemptTwice looks for an attempt with two starts, or a second attempt that
// was not told of the first.
func noAttemptTwice(t *testing.T, rows []map[string]any) {
	t.Helper()
	for _, row := range rows {
		var r vigil.Remediation
		if err := json.Unmarshal([]byte(row["body"].(string)), &r); err != nil {
			t.Fatal(err)
		}
		for i, a := range r.Attempts {
			if a.N != i+1 || i > 0 && !r.Attempts[i-1].StartedAt.IsZero() && r.Attempts[i-1].EndedAt.IsZero() && a.Previous != "unknown" {
				t.Errorf("remediation %s has attempts %+v", r.ID, r.Attempts)
			}
		}
	}
}

func verifyAudit(t *testing.T, dir, conf string) {
	t.Helper()
	p := daemonIn(t, dir, "collector", "--listen", "127.0.0.1:0", "--config", conf)
	out, err := exec.Command(vigilBinary(t), "audit", "verify", "--server", p.Collector).CombinedOutput()
	if err != nil {
		t.Errorf("audit verify: %v\n%s", err, out)
	}
}

// query asks the database as a person would.
func query(t *testing.T, bin, dir, sql string) (rows []map[string]any) {
	t.Helper()
	cmd := exec.Command(bin, "sql", "--data", filepath.Join(dir, "data"), "--limit", "10000000", "-o", "json", sql)
	cmd.Env = environ(dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if err := json.Unmarshal(out, &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}
