package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// duelLanes is how many pairs are killed beside each other.
const duelLanes = 2

// TestDuel_KilledMidActionNothingStartsTwice has a collector and a remediator of
// its own process, and kills one, the other or both with SIGKILL while an action
// runs. No service may be started more often than intents were durable, nor beside
// itself; nothing may be left that waits for a dead executor. VIGIL_DUELS sets how
// often (40).
func TestDuel_KilledMidActionNothingStartsTwice(t *testing.T) {
	t.Parallel()
	kills, seed := draws(t, "VIGIL_DUELS", "40")
	bin, begin := plainBinary(t), time.Now()
	var mu sync.Mutex
	var mid [3]int
	t.Cleanup(func() { // when all lanes are done
		t.Logf("%d kills in %.0f s; while an action ran: collector %d, remediator %d, both %d", kills, time.Since(begin).Seconds(), mid[0], mid[1], mid[2])
		for i, n := range mid {
			if n == 0 {
				t.Errorf("no kill of kind %d met an action that ran: the campaign never killed what it is about", i)
			}
		}
	})
	for lane := range duelLanes {
		t.Run(strconv.Itoa(lane), func(t *testing.T) {
			t.Parallel()
			d := newDuel(t, bin, (kills+duelLanes-1)/duelLanes, rand.New(rand.NewPCG(seed, uint64(lane))))
			d.campaign(t)
			mu.Lock()
			defer mu.Unlock()
			for i, n := range d.mid {
				mid[i] += n
			}
		})
	}
}

// duel is a collector and a remediator that die and come back.
type duel struct {
	bin, dir, conf, addr string
	rounds               int
	rng                  *rand.Rand
	collector, hands     *process
	api                  *client.Client
	mid                  [3]int // kills that met a running action: of the collector, the remediator, both
}

// lone is a service that notes its start, and one beside another instance.
const lone = `
cd $1
exec 9>>lock-$2
flock -n 9 || echo $2 >>twins
echo x >>starts
while :; do sleep 1 9>&-; done
`

func newDuel(t *testing.T, bin string, rounds int, rng *rand.Rand) *duel {
	t.Helper()
	d := &duel{bin: bin, dir: t.TempDir(), addr: freeAddr(t), rounds: rounds, rng: rng}
	bury(t, d.dir)
	script := write(t, d.dir, "lone.sh", lone)
	var text strings.Builder
	text.WriteString("services:\n")
	for i := range rounds { // one for each round: a killed action keeps its target for a while
		fmt.Fprintf(&text, "  counted-%d: {driver: command, start: [/bin/sh, %s, %s, \"%d\"], stop: {grace: 1s}}\n", i, script, d.dir, i)
	}
	d.conf = write(t, d.dir, "vigil.yaml", text.String())
	d.restart(t)
	t.Cleanup(func() { d.collector.kill(); d.hands.kill() })
	if _, _, err := d.api.ApplyPolicy(t.Context(), "count-high", "application/yaml", []byte(countPolicy)); err != nil {
		t.Fatal(err)
	}
	return d
}

// restart starts what does not run.
func (d *duel) restart(t *testing.T) {
	t.Helper()
	run := func(p *process, args ...string) *process {
		if p != nil {
			select {
			case <-p.exited:
			default:
				return p
			}
		}
		p, err := launch(context.Background(), d.bin, environ(d.dir), args...)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	d.collector = run(d.collector, "collector", "--listen", d.addr, "--data", filepath.Join(d.dir, "data"))
	if d.api == nil {
		d.api = d.collector.api(t)
	}
	d.hands = run(d.hands, "remediator", "--remediator-listen", "127.0.0.1:0", "--collector", d.collector.Collector,
		"--config", d.conf, "--host", "outpost", "--data", filepath.Join(d.dir, "hands"))
}

func (d *duel) campaign(t *testing.T) {
	t.Helper()
	for i := range d.rounds {
		d.round(t, i)
	}
	until(t, 3*time.Minute, "nothing waits for a dead executor", func() bool { return !d.engaged(t.Context()) })
	d.judge(t)
}

// round has an action run and kills somebody meanwhile.
func (d *duel) round(t *testing.T, i int) {
	t.Helper()
	until(t, time.Minute, "an action runs", func() bool {
		_, _ = d.api.Ingest(t.Context(), []vigil.Sample{ // the collector may have just come back
			{Name: "count_high", Value: 0.9, Time: time.Now(), Labels: vigil.Labels{"service": fmt.Sprint("counted-", i)}},
		}, client.Sending{})
		return acts(t.Context(), d.api, i)
	})
	time.Sleep(time.Duration(d.rng.IntN(60)) * time.Millisecond)
	if d.runs(t.Context()) {
		d.mid[i%3]++
	}
	if i%3 != 1 {
		d.collector.kill()
	}
	if i%3 != 0 {
		d.hands.kill()
	}
	d.restart(t)
}

// runs reports whether an action is under way, as far as the collector knows.
func (d *duel) runs(ctx context.Context) bool { return d.any(ctx, vigil.Running) }

// engaged reports whether anything is with an executor, or verified.
func (d *duel) engaged(ctx context.Context) bool {
	return d.any(ctx, vigil.Leased) || d.any(ctx, vigil.Running) || d.any(ctx, vigil.Verifying)
}

// any errs on the side of yes.
func (d *duel) any(ctx context.Context, state vigil.State) bool {
	found, err := d.api.Remediations(ctx, client.Filter{State: state, Limit: 1})
	return err != nil || len(found) > 0
}

func (d *duel) judge(t *testing.T) {
	t.Helper()
	d.collector.kill()
	d.hands.kill()
	intents := query(t, d.bin, d.dir, `SELECT count(*) AS n FROM audit WHERE verb = 'remediation.running'`)[0]["n"].(float64)
	n := started(filepath.Join(d.dir, "starts"))
	if n == 0 || float64(n) > intents {
		t.Errorf("services were started %d times on %v intents", n, intents)
	}
	if twins, _ := os.ReadFile(filepath.Join(d.dir, "twins")); len(twins) > 0 { // none: no file
		t.Errorf("%d services ran beside themselves: %q", bytes.Count(twins, []byte("\n")), twins)
	}
	noAttemptTwice(t, query(t, d.bin, d.dir, `SELECT body FROM remediations`))
	verifyAudit(t, d.dir, d.conf)
	t.Logf("%v intents, %d starts", intents, n)
}

// TestDuel_SeesATwin is the control: a service that is started beside itself, by
// whomever, is noted, and one that comes after itself is not.
func TestDuel_SeesATwin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := write(t, dir, "lone.sh", lone)
	run := func() *exec.Cmd {
		before := started(filepath.Join(dir, "starts"))
		cmd := exec.Command("/bin/sh", script, dir, "7")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { end(cmd) })
		until(t, 20*time.Second, "the service starts", func() bool { return started(filepath.Join(dir, "starts")) > before })
		return cmd
	}
	twins := func() string {
		noted, _ := os.ReadFile(filepath.Join(dir, "twins")) // none: no file
		return string(noted)
	}
	end(run())
	run()
	if got := twins(); got != "" {
		t.Errorf("one after the other: twins %q", got)
	}
	run()
	if got := twins(); got != "7\n" {
		t.Errorf("one beside the other: twins %q, want it noted", got)
	}
}

func end(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait()
}
