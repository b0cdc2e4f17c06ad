package remedy_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/remedy"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// crowd steps a fleet of one group by hand: every event is told at once, with
// the census as it is then.
type crowd struct {
	history
	n   int
	bad map[int]bool
	ep  int
}

func newCrowd(n int) *crowd { return &crowd{history: *newHistory(), n: n, bad: map[int]bool{}} }

// put takes one event, with polls waiting on the named hosts.
func (c *crowd) put(tb testing.TB, body remedy.Body, waiting ...int) remedy.Effects {
	tb.Helper()
	c.history.n++
	e := remedy.Event{Body: body, Waiting: map[string]int{}, Actions: map[string]remedy.Action{}}
	binary.LittleEndian.PutUint64(e.Seed[:], c.history.n)
	for _, i := range waiting {
		e.Waiting[onHost(i).Host] = 1
	}
	for _, name := range []string{"restart-service", "sha256:restart-service"} {
		m, g, _ := registry{}.Action(tb.Context(), name)
		e.Actions[name] = remedy.Action{Module: m, Grants: g}
	}
	next, out := remedy.Step(c.state, e, c.now)
	if len(out.Missing) > 0 {
		tb.Fatalf("%T misses %v", body, out.Missing)
	}
	if err := c.led.Apply(tb.Context(), out.Change); err != nil {
		tb.Fatalf("%T: %v", body, err)
	}
	c.state = next
	for _, l := range out.Leases {
		c.leases = append(c.leases, l.Lease)
	}
	return out
}

func (c *crowd) census() flow.Census {
	return flow.Census{Group: "env=prod", Known: c.n, Unhealthy: len(c.bad)}
}

func (c *crowd) fire(tb testing.TB, i int) remedy.Effects {
	tb.Helper()
	w := ward{clock: &clock{at: c.now}}
	f := w.firingOn(webs(), onHost(i), c.census())
	f.Episode.ID = fmt.Sprintf("ep-%d-%d", i, c.ep)
	return c.put(tb, remedy.Fired{Firing: f}, i)
}

func (c *crowd) enlist(tb testing.TB) {
	tb.Helper()
	for i := range c.n {
		c.put(tb, remedy.Registered{Remediator: hands(onHost(i).Host, onHost(i).Host, "web")})
	}
}

// treated counts the targets that an action was begun on, or is about to be, and
// that are not verified.
func (c *crowd) treated() (n int) {
	seen := map[vigil.Target]bool{}
	for _, r := range c.led.rows {
		switch r.State {
		case vigil.Leased, vigil.Running, vigil.Verifying, vigil.Unknown:
			seen[r.Target] = true
		default:
		}
	}
	return len(seen)
}

func (c *crowd) tripped() bool { return c.led.guards["group:env=prod"].Trip != nil }

// Three quarters of a thousand hosts go bad. When the policy finds all of them at
// once nothing starts; when it finds them one by one, no more than the cap does,
// and the evaluation that passes the threshold stops the rest.
func TestStorm_OfAThousandHostsStartsNoMoreThanTheCap(t *testing.T) {
	t.Parallel()
	f := func(name string, atOnce bool, most int) {
		t.Helper()
		c := newCrowd(1000)
		c.enlist(t)
		stopped := 0 // how many were bad when the breaker tripped
		for i := range 750 {
			if atOnce && i == 0 {
				for k := range 750 {
					c.bad[k] = true
				}
			}
			c.bad[i] = true
			c.now = c.now.Add(time.Millisecond)
			c.fire(t, i)
			if c.tripped() && stopped == 0 {
				stopped = len(c.bad)
			}
		}
		want := 301 // the first that is more than 30 % of a thousand
		if atOnce {
			want = 750
		}
		if stopped != want || len(c.leases) > most {
			t.Errorf("%s: stopped at %d bad hosts after %d actions, want at %d and at most %d", name, stopped, len(c.leases), want, most)
		}
		if !atOnce && len(c.leases) != most {
			t.Errorf("%s: %d actions, want the whole cap of %d used", name, len(c.leases), most)
		}
		began := len(c.leases)
		for range 100 { // and it stays so while the storm lasts
			c.now = c.now.Add(10 * time.Second)
			for i := range 20 {
				c.fire(t, 700+i)
			}
			c.put(t, remedy.Ticked{})
		}
		if len(c.leases) != began {
			t.Errorf("%s: %d actions more in the storm", name, len(c.leases)-began)
		}
	}
	f("at once", true, 0)
	f("one by one", false, 100)
}

// Whatever happens to a group, no more than its cap is in treatment, and nothing
// starts in a storm.
func TestStep_KeepsTheCapOfAGroupInEveryHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := newCrowd(rapid.IntRange(1, 40).Draw(rt, "hosts"))
		most := max(1, c.n/10)
		c.enlist(t)
		host := func() int { return rapid.IntRange(0, c.n-1).Draw(rt, "host") }
		pass := func(most int) {
			c.now = c.now.Add(time.Duration(rapid.IntRange(1, most).Draw(rt, "ms")) * time.Millisecond)
		}
		judge := func(i int, v vigil.Verdict) {
			c.put(t, remedy.Judged{Judged: flow.Judged{Policy: "webs", Target: onHost(i), Verdict: v, SampleAt: c.now, ReceivedAt: c.now, Census: c.census()}}, i)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"fire": func(rt *rapid.T) {
				pass(2000)
				i := host()
				c.bad[i] = true
				before, storm := len(c.leases), webs().Guards.Storm.Rages(len(c.bad), c.n)
				c.fire(t, i)
				if storm && len(c.leases) > before {
					rt.Fatalf("an action started while %d of %d are bad", len(c.bad), c.n)
				}
			},
			"clear": func(*rapid.T) {
				pass(2000)
				i := host()
				delete(c.bad, i)
				c.ep++
				judge(i, vigil.VerdictOK)
				c.put(t, remedy.Cleared{Policy: "webs", Target: onHost(i), At: c.now}, i)
			},
			"judge": func(*rapid.T) { pass(2000); judge(host(), vigil.VerdictNoData) },
			"poll":  func(*rapid.T) { i := host(); c.put(t, remedy.Polled{Remediator: onHost(i).Host}, i) },
			"start": func(rt *rapid.T) { c.put(t, remedy.Started{Lease: c.aLease(rt)}) },
			"finish": func(rt *rapid.T) {
				pass(500)
				l := c.aLease(rt)
				c.put(t, remedy.Finished{Report: flow.Report{
					Remediation: l.Remediation, Attempt: l.Attempt, Fence: l.Fence, OK: rapid.IntRange(0, 4).Draw(rt, "ok") > 0, Started: true, EndedAt: c.now,
				}})
			},
			"approve": func(rt *rapid.T) { c.put(t, remedy.Approved{ID: c.anID(rt), By: "ann"}, host()) },
			"cancel":  func(rt *rapid.T) { c.put(t, remedy.Cancelled{ID: c.anID(rt), By: "ann"}) },
			"reset":   func(*rapid.T) { c.put(t, remedy.Reset{Policy: "webs", By: "ann"}, host()) },
			"tick":    func(*rapid.T) { pass(60_000); c.put(t, remedy.Ticked{}, host()) },
			"restart": func(*rapid.T) { c.restart(); c.enlist(t) },
			"": func(rt *rapid.T) {
				if n := c.treated(); n > most {
					rt.Fatalf("%d of %d are in treatment, want at most %d", n, c.n, most)
				}
			},
		})
	})
}

// BenchmarkStep_TenThousandEpisodes steps over as many firing episodes in a storm:
// a tick, the evaluation of one of them, and the end of the storm, at which each
// is looked at again and as many begin as the cap allows.
func BenchmarkStep_TenThousandEpisodes(b *testing.B) {
	c := newCrowd(10_000)
	var all []vigil.Target
	for h := range 10 {
		r := hands(onHost(h).Host, onHost(h).Host)
		for i := range 1000 {
			name := fmt.Sprintf("web-%d", i)
			r.Services = append(r.Services, vigil.ServiceStatus{Service: name})
			all = append(all, vigil.Target{Kind: "service", Name: name, Host: r.Host})
		}
		c.put(b, remedy.Registered{Remediator: r})
	}
	w := ward{clock: &clock{at: c.now}}
	for _, t := range all {
		c.put(b, remedy.Fired{Firing: w.firingOn(webs(), t, flow.Census{Known: c.n, Unhealthy: c.n})})
	}
	storm := c.state
	calm := flow.Census{Known: c.n, Unhealthy: 100}
	c.put(b, remedy.Fired{Firing: w.firingOn(webs(), all[0], calm)})
	if !c.tripped() {
		b.Fatal("there is no storm")
	}
	f := func(name string, s remedy.State, body remedy.Body, later time.Duration) {
		b.Run(name, func(b *testing.B) {
			e := remedy.Event{Body: body, Waiting: map[string]int{}, Actions: map[string]remedy.Action{}}
			m, g, _ := registry{}.Action(b.Context(), "restart-service")
			e.Actions["restart-service"] = remedy.Action{Module: m, Grants: g}
			for b.Loop() {
				if _, out := remedy.Step(s, e, c.now.Add(later)); len(out.Missing) > 0 || out.Err != nil {
					b.Fatal(out.Missing, out.Err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "step-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
	later := w.firingOn(webs(), all[1], flow.Census{Known: c.n, Unhealthy: c.n})
	later.SampleAt, later.ReceivedAt = c.now.Add(time.Second), c.now.Add(time.Second)
	f("tick", storm, remedy.Ticked{}, time.Second)
	f("fired", storm, remedy.Fired{Firing: later}, time.Second)
	f("calm", c.state, remedy.Ticked{}, 5*time.Minute)
}
