package recall_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func stateful(t testing.TB, dir string) *tenant {
	t.Helper()
	w := open(t, "default", dir)
	w.grant("state", "state:asker", nil)
	return w
}

func TestState_RefusesWhatIsOutOfBounds(t *testing.T) {
	t.Parallel()
	w := stateful(t, t.TempDir())
	f := func(request any, code string) {
		t.Helper()
		if reply := w.ask(vigil.OpState, request); reply.Code != code {
			t.Errorf("%.100v: %.200v, want %q", request, reply, code)
		}
	}
	long := strings.Repeat("k", 256)
	f(set(long, strings.Repeat("v", 64<<10)), "")
	f(set(long+"k", ""), "state_quota")
	f(set("k", strings.Repeat("v", 64<<10+1)), "state_quota")
	f(set("", "v"), "request_invalid")
	f(set("a\x00b", "v"), "request_invalid")
	f(`{"do":"get","key":"\ud800"}`, "")
	f(`{"do":"wipe","key":"k"}`, "request_invalid")
	f(`{"do":"get","key":"k","value":"aGk="}`, "request_invalid")
	f(`{"do":"set","key":"k","value":"no base64"}`, "request_invalid")
	f(`{"do":"get"}`, "request_invalid")
	f(`{"do":"list"}`, "")
	f(`{"do":"list","module":"other"}`, "request_invalid")
	f(vigil.StateRequest{Do: vigil.StateDelete, Key: long}, "")

	for i := range 15 { // with their keys, 16 values of 64 KiB are too many
		f(set(fmt.Sprint("big-", i), strings.Repeat("v", 64<<10)), "")
	}
	f(set("big-15", strings.Repeat("v", 64<<10)), "state_quota")
	f(set("big-14", strings.Repeat("w", 64<<10)), "") // in place of as much
	for i := range 985 {
		f(set(fmt.Sprint("small-", i), ""), "")
	}
	f(set("one more", ""), "state_quota")
	f(set("small-7", "x"), "")
	f(vigil.StateRequest{Do: vigil.StateDelete, Key: "small-7"}, "")
	f(set("one more", ""), "")
}

func TestState_OfOneEvaluationIsOneTransaction(t *testing.T) {
	t.Parallel()
	w := stateful(t, t.TempDir())
	w.ask(vigil.OpState, set("n", "1"))
	guest := w.For(asker)
	evaluate(t, guest, false, func(call func(string, any) vigil.CallReply) {
		call(vigil.OpState, set("n", "2"))
		call(vigil.OpState, set("m", "2"))
		got := data[vigil.StateReply](t, call(vigil.OpState, vigil.StateRequest{Do: vigil.StateList}))
		if !slices.Equal(got.Keys, []string{"m", "n"}) {
			t.Errorf("within it, keys are %q", got.Keys)
		}
	})
	if w.get("n") != "1" || w.get("m") != "" {
		t.Errorf("a guest that failed left n = %q, m = %q", w.get("n"), w.get("m"))
	}

	const shards, rounds = 4, 50
	var all sync.WaitGroup
	for range shards {
		guest := w.For(asker)
		all.Go(func() {
			for range rounds {
				evaluate(t, guest, true, func(call func(string, any) vigil.CallReply) {
					reply := call(vigil.OpState, vigil.StateRequest{Do: vigil.StateGet, Key: "n"})
					n, _ := strconv.Atoi(string(data[vigil.StateReply](t, reply).Value))
					call(vigil.OpState, set("n", strconv.Itoa(n+1)))
				})
			}
		})
	}
	all.Wait()
	if got := w.get("n"); got != strconv.Itoa(1+shards*rounds) {
		t.Errorf("%d shards counted to %s, want %d", shards, got, 1+shards*rounds)
	}
}

func TestState_AnEvaluationThatKeepsItHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := stateful(t, t.TempDir())
	slow := w.For(asker)
	evaluate(t, slow, true, func(call func(string, any) vigil.CallReply) {
		call(vigil.OpState, set("n", "1"))
		if reply := w.ask(vigil.OpState, set("n", "2")); reply.Code != "state_busy" {
			t.Errorf("while another has it: %+v, want state_busy", reply)
		}
	})
	if reply := w.ask(vigil.OpState, set("n", "3")); !reply.OK || w.get("n") != "3" {
		t.Errorf("afterwards: %+v", reply)
	}
}

func TestState_SurvivesOnceItWasFlushed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := stateful(t, dir)
	w.ask(vigil.OpState, set("n", "1"))
	w.ask(vigil.OpState, set("gone", "1"))
	w.ask(vigil.OpState, vigil.StateRequest{Do: vigil.StateDelete, Key: "gone"})
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.ask(vigil.OpState, set("n", "2")) // leads to nothing
	w.close()
	again := stateful(t, dir)
	if got, gone := again.get("n"), again.get("gone"); got != "1" || gone != "" {
		t.Errorf("n = %q, gone = %q, want 1 and nothing", got, gone)
	}
}

func TestState_OfAnActionIsDurableWhenAnswered(t *testing.T) {
	t.Parallel()
	w := stateful(t, t.TempDir())
	deed, err := w.Verbs("asker")[vigil.OpState]([]byte(`{"do":"set","key":"n","value":"MQ=="}`))
	if err != nil || deed.Target != "state:asker" || !deed.Effect {
		t.Fatalf("deed %+v, %v", deed, err)
	}
	lost := errors.New("the lease is lost")
	if _, err := deed.Do(t.Context(), func() error { return lost }); !errors.Is(err, lost) {
		t.Errorf("without its lease: %v", err)
	}
	if _, err := deed.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept, err := w.db.State(t.Context(), "action:asker"); err != nil || string(kept["n"]) != "1" {
		t.Errorf("on disk: %q, %v", kept, err)
	}
	if got := w.get("n"); got != "" {
		t.Errorf("a policy of the same name sees %q", got)
	}
}

// brittle is a ledger that refuses to keep state for a while.
type brittle struct {
	*sqlite.DB
	broken error
}

func (b *brittle) SaveState(ctx context.Context, changes []flow.StateChange) error {
	if b.broken != nil {
		return b.broken
	}
	return b.DB.SaveState(ctx, changes)
}

func TestFlush_TriesAgainWhatFailed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := stateful(t, dir)
	l := &brittle{DB: w.db, broken: errors.New("disk full")}
	w.opts.Ledger = l
	w.reopen()
	w.ask(vigil.OpState, set("a", "1"))
	w.ask(vigil.OpState, set("b", "1"))
	if err := w.Flush(t.Context()); !errors.Is(err, l.broken) {
		t.Errorf("Flush = %v", err)
	}
	w.ask(vigil.OpState, set("b", "2"))
	l.broken = nil
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.reopen()
	if a, b := w.get("a"), w.get("b"); a != "1" || b != "2" {
		t.Errorf("a = %q, b = %q", a, b)
	}
}

// TestState_DoesAsAMapDoes drives a module's memory through any history of
// evaluations, flushes and crashes, beside a map for what is seen and one for
// what is on disk.
func TestState_DoesAsAMapDoes(t *testing.T) {
	t.Parallel()
	w := stateful(t, t.TempDir())
	rapid.Check(t, func(rt *rapid.T) {
		if err := w.Forget(t.Context(), asker); err != nil {
			rt.Fatal(err)
		}
		seen, disk := map[string]string{}, map[string]string{}
		key := rapid.SampledFrom([]string{"a", "ab", "b", "é"})
		rt.Repeat(map[string]func(*rapid.T){
			"evaluate": func(rt *rapid.T) {
				next, keep := maps.Clone(seen), rapid.Bool().Draw(rt, "keep")
				evaluate(t, w.For(asker), keep, func(call func(string, any) vigil.CallReply) {
					for range rapid.IntRange(1, 5).Draw(rt, "calls") {
						k := key.Draw(rt, "key")
						switch rapid.IntRange(0, 3).Draw(rt, "do") {
						case 0:
							v := rapid.StringN(0, 3, -1).Draw(rt, "value")
							call(vigil.OpState, set(k, v))
							next[k] = v
						case 1:
							call(vigil.OpState, vigil.StateRequest{Do: vigil.StateDelete, Key: k})
							delete(next, k)
						case 2:
							got := data[vigil.StateReply](t, call(vigil.OpState, vigil.StateRequest{Do: vigil.StateGet, Key: k}))
							if v, found := next[k]; string(got.Value) != v || got.Found != found {
								rt.Fatalf("%s = %q, %v, want %q, %v", k, got.Value, got.Found, v, found)
							}
						default:
							got := data[vigil.StateReply](t, call(vigil.OpState, vigil.StateRequest{Do: vigil.StateList, Key: k}))
							want := slices.DeleteFunc(slices.Sorted(maps.Keys(next)), func(s string) bool { return !strings.HasPrefix(s, k) })
							if !slices.Equal(got.Keys, want) {
								rt.Fatalf("keys from %s are %q, want %q", k, got.Keys, want)
							}
						}
					}
				})
				if keep {
					seen = next
				}
			},
			"flush": func(rt *rapid.T) {
				if err := w.Flush(t.Context()); err != nil {
					rt.Fatal(err)
				}
				disk = maps.Clone(seen)
			},
			"crash": func(*rapid.T) {
				w.reopen()
				seen = maps.Clone(disk)
			},
		})
	})
}
