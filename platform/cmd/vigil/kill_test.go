package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
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
target: service:{{service}}
recover_for: 1s
mode: auto
guards: {cooldown: 0s, warmup: 0s, budget: 1000/1h, rate: 1000/1h, backoff: {first: 0s}, trip_after: 0, ineffective: 0, max_concurrent: 0}
runbook: [{action: restart-service}]
verify: {stabilise: 0s, window: 200ms}
`

// killLanes is how many Vigils are killed beside each other, each with its own
// directory: most of a life is waiting.
const killLanes = 4

// TestKill_LosesNoAckedSampleAndStartsNothingTwice kills Vigil with SIGKILL
// again and again while samples pour in and actions run. What was acknowledged
// must be there afterwards, and the service must not have been started more
// often than intents were made durable. VIGIL_KILLS sets how often (200).
func TestKill_LosesNoAckedSampleAndStartsNothingTwice(t *testing.T) {
	t.Parallel()
	kills, seed := draws(t, "VIGIL_KILLS", "200")
	bin, begin := plainBinary(t), time.Now()
	var mu sync.Mutex
	crossed := map[string]float64{}
	t.Cleanup(func() { // when all lanes are done
		t.Logf("%d kills in %.0f s; crossed: %v", kills, time.Since(begin).Seconds(), crossed)
		for _, name := range crossings {
			if crossed[name] == 0 {
				t.Errorf("%s stayed 0: the campaign never killed what it is about", name)
			}
		}
	})
	for lane := range killLanes {
		t.Run(strconv.Itoa(lane), func(t *testing.T) {
			t.Parallel()
			k := newKiller(t, bin, (kills+killLanes-1)/killLanes, rand.New(rand.NewPCG(seed, uint64(lane))))
			k.campaign(t)
			mu.Lock()
			defer mu.Unlock()
			for name, n := range k.acked.crossed {
				crossed[name] += n
			}
		})
	}
}

// draws is how often a campaign does what it does, and the seed of its chances.
func draws(t *testing.T, name, usual string) (n int, seed uint64) {
	t.Helper()
	n, err := strconv.Atoi(envOr(name, usual))
	if err != nil {
		t.Fatal(err)
	}
	seed, err = strconv.ParseUint(envOr("VIGIL_SEED", strconv.FormatInt(time.Now().UnixNano(), 10)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("replay: VIGIL_SEED=%d %s=%d go test -run '^%s$' ./platform/cmd/vigil", seed, name, n, t.Name())
	return n, seed
}

// plainBinary builds vigil as it is released: under the race detector a life is
// three times as long, and what is killed is a process, not a data race.
func plainBinary(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "vigil")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build vigil: %v\n%s", err, out)
	}
	return bin
}

// killer kills one Vigil of its own.
type killer struct {
	bin, dir, conf, starts string
	lives                  int
	rng                    *rand.Rand
	acked                  *ledger
}

func newKiller(t *testing.T, bin string, lives int, rng *rand.Rand) *killer {
	t.Helper()
	k := &killer{bin: bin, dir: t.TempDir(), lives: lives, rng: rng, acked: &ledger{crossed: map[string]float64{}}}
	bury(t, k.dir)
	k.starts = filepath.Join(k.dir, "starts")
	// Small numbers, so that each life seals, merges, deletes, trims and folds.
	text := "storage: {log_bytes: 4KiB, chunk_samples: 8, retention: 50m, wal_bytes: 64KiB}\nservices:\n"
	for i := range lives + 1 { // one for each life: a killed action keeps its target for a while
		text += fmt.Sprintf("  counted-%d: {driver: command, start: [/bin/sh, -c, \"echo x >>%s; while :; do sleep 1; done\"], stop: {grace: 1s}}\n", i, k.starts)
	}
	k.conf = write(t, k.dir, "vigil.yaml", text)
	return k
}

// campaign kills as often as it should, and looks at what is left.
func (k *killer) campaign(t *testing.T) {
	t.Helper()
	for i := range k.lives {
		k.once(t, i, func(p *process) {
			if i%4 == 3 { // on a slow machine most lives are too short to act
				until(t, 30*time.Second, "an action runs", func() bool { return acts(t.Context(), p.api(t), i) })
			}
			time.Sleep(time.Duration(5+k.rng.IntN(200)) * time.Millisecond)
		})
		if i%500 == 499 {
			k.judgeSamples(t)
		}
	}
	before := started(k.starts)
	k.once(t, k.lives, func(p *process) {
		until(t, 30*time.Second, "an action starts a service", func() bool { return started(k.starts) > before })
		until(t, 60*time.Second, "the storage did all that is killed", func() bool { return k.acked.crossedAll(t, p.Collector) })
	})
	k.judge(t)
}

// crossings are what the storage must have done while Vigil was killed.
var crossings = []string{
	"vigil_history_sealed_total", "vigil_history_cut_total", "vigil_history_merged_total", "vigil_history_swept_total",
	"vigil_history_trimmed_total", "vigil_storage_checkpoints_total",
}

// ledger is what was acknowledged, and what the stores did meanwhile.
type ledger struct {
	mu      sync.Mutex
	seqs    []acknowledged
	next    int
	crossed map[string]float64 // self-metrics, added up over all lives
}

type acknowledged struct {
	seq int
	at  time.Time
}

// add keeps the self-metrics of a life that is about to end.
func (l *ledger) add(t *testing.T, base string) {
	t.Helper()
	for name, n := range did(t, base) {
		l.crossed[name] += n
	}
}

// crossedAll reports whether all lives together did all that is killed.
func (l *ledger) crossedAll(t *testing.T, base string) bool {
	t.Helper()
	now := did(t, base)
	return !slices.ContainsFunc(crossings, func(name string) bool { return l.crossed[name]+now[name] == 0 })
}

// did reads what the storage of a process has done.
func did(t *testing.T, base string) map[string]float64 {
	t.Helper()
	resp, err := http.Get(base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out := map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil && (strings.HasPrefix(name, "vigil_history_") || name == "vigil_storage_checkpoints_total") {
			out[name] = n
		}
	}
	return out
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
	l.seqs = append(l.seqs, acknowledged{seq, time.Now()})
}

func (l *ledger) acks() []acknowledged {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.seqs)
}

// started counts what the services noted.
func started(starts string) int {
	b, _ := os.ReadFile(starts) // none: none yet
	return bytes.Count(b, []byte("x"))
}

// acts reports whether intent to treat the service of the i-th life is durable.
func acts(ctx context.Context, api *client.Client, i int) bool {
	all, err := api.Remediations(ctx, client.Filter{Limit: 100})
	return err == nil && slices.ContainsFunc(all, func(r vigil.Remediation) bool {
		return r.Target.Name == fmt.Sprint("counted-", i) && len(r.Attempts) > 0 && !r.Attempts[0].StartedAt.IsZero()
	})
}

// once runs Vigil for its i-th life, pours samples into it and kills it after
// a while.
func (k *killer) once(t *testing.T, i int, while func(*process)) {
	t.Helper()
	p, err := launch(context.Background(), k.bin, environ(k.dir), "up", "--no-agent", "--config", k.conf,
		"--data", filepath.Join(k.dir, "data"), "--listen", "127.0.0.1:0", "--remediator-listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	api := p.api(t)
	if _, _, err := api.ApplyPolicy(t.Context(), "count-high", "application/yaml", []byte(countPolicy)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var pouring sync.WaitGroup
	had := len(k.acked.acks())
	for range 4 {
		pouring.Go(func() { pour(ctx, api, k.acked, fmt.Sprint("counted-", i)) })
	}
	until(t, 30*time.Second, "a sample is acknowledged", func() bool { return len(k.acked.acks()) > had })
	while(p)
	k.acked.add(t, p.Collector)
	p.kill()
	cancel()
	pouring.Wait()
}

// pour sends one sample after the other; every one of them fires for a service.
func pour(ctx context.Context, api *client.Client, acked *ledger, service string) {
	for ctx.Err() == nil {
		seq := acked.take()
		now := time.Now()
		_, err := api.Ingest(ctx, []vigil.Sample{
			{Name: "seq", Value: float64(seq), Time: now, Labels: vigil.Labels{"n": strconv.Itoa(seq % 8)}},
			{Name: "count_high", Value: 0.9, Time: now, Labels: vigil.Labels{"service": service}},
		}, client.Sending{})
		if err == nil {
			acked.ack(seq)
		}
		// What retention takes at once, so that it is at work all the time.
		_, _ = api.Ingest(ctx, []vigil.Sample{{Name: "expired", Value: 1, Time: now.Add(-55 * time.Minute)}}, client.Sending{})
	}
}

// judgeSamples looks for every sample that was acknowledged of late; older ones
// were looked for before, and retention may have taken them.
func (k *killer) judgeSamples(t *testing.T) (lost int) {
	t.Helper()
	acked := k.acked
	rows := query(t, k.bin, k.dir, `SELECT CAST(value AS INTEGER) AS v, count(*) AS n FROM metrics WHERE name = 'seq' GROUP BY v`)
	have := map[int]bool{}
	for _, r := range rows {
		have[int(r["v"].(float64))] = true
		if n := r["n"].(float64); n != 1 {
			t.Errorf("sample %v is there %v times", r["v"], n)
		}
	}
	acked.seqs = slices.DeleteFunc(acked.seqs, func(a acknowledged) bool { return time.Since(a.at) > 40*time.Minute })
	for _, a := range acked.seqs {
		if !have[a.seq] {
			lost++
		}
	}
	if lost > 0 || len(acked.seqs) == 0 {
		t.Errorf("%d of %d acknowledged samples are lost", lost, len(acked.seqs))
	}
	return lost
}

func (k *killer) judge(t *testing.T) {
	t.Helper()
	lost := k.judgeSamples(t)
	intents := query(t, k.bin, k.dir, `SELECT object, count(*) AS n FROM audit WHERE verb = 'remediation.running' GROUP BY object`)
	total := 0
	for _, r := range intents {
		total += int(r["n"].(float64))
	}
	n := started(k.starts)
	if n > total || n == 0 {
		t.Errorf("services were started %d times on %d intents", n, total)
	}
	t.Logf("%d samples acknowledged, %d lost; %d intents, %d starts, %d remediations", len(k.acked.seqs), lost, total, n, len(intents))
	noAttemptTwice(t, query(t, k.bin, k.dir, `SELECT body FROM remediations`))
	verifyAudit(t, k.dir, k.conf)
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
func query(t testing.TB, bin, dir, sql string) (rows []map[string]any) {
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
