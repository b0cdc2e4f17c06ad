package policy_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// asking makes a policy ask an expression every 15 s.
func asking(text string) func(p *vigil.Policy) {
	return func(p *vigil.Policy) {
		p.Select = vigil.Select{Query: text, Every: vigil.Duration(15 * time.Second)}
	}
}

// bubble runs an engine on the clock of a synctest bubble. What answers may be
// replaced by setting answer under mu.
func bubble(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.now = time.Time{}
		w.says(nil)
		w.open(2)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		synctest.Wait()
		test(w)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// says has the history answer all questions so.
func (w *world) says(err error, results ...flow.QueryResult) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = func(_ context.Context, q flow.Query) ([]flow.QueryResult, error) {
		out := append([]flow.QueryResult(nil), results...)
		for i := range out {
			if !out[i].Newest.IsZero() && out[i].Newest.Year() < 1980 { // so long before the question
				out[i].Newest = q.At.Add(out[i].Newest.Sub(time.Unix(0, 0)))
			}
		}
		return out, err
	}
}

// fresh is a result that rests on a sample measured so long before the question.
func fresh(value float64, ago time.Duration) flow.QueryResult {
	return flow.QueryResult{Value: value, Newest: time.Unix(0, 0).Add(-ago)}
}

// rest lets time go by and waits for what it brings.
func rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// asked are the times asked for, as seconds of the bubble's first minutes.
func (w *world) asked() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, q := range w.questions {
		all = append(all, q.At.Format("04:05.999"))
	}
	w.questions = nil
	return strings.Join(all, " ")
}

func TestQuery_IsAskedAtWholeMultiplesOfItsInterval(t *testing.T) {
	bubble(t, func(w *world) {
		t := w.t
		rest(7200 * time.Millisecond)
		w.apply(asking("ratio"))
		rest(time.Minute)
		q := w.questions[0]
		if got := w.asked(); got != "00:15 00:30 00:45 01:00" {
			t.Errorf("asked for %s", got)
		}
		if q.Text != "ratio" || q.Lookback != 5*time.Minute {
			t.Errorf("question = %+v", q)
		}
	})
}

func TestQuery_FollowsTheRevisionInForceAtOnce(t *testing.T) {
	bubble(t, func(w *world) {
		t := w.t
		f := func(want string, change func()) {
			t.Helper()
			change()
			synctest.Wait()
			rest(30 * time.Second)
			if got := w.asked(); got != want {
				t.Errorf("asked for %s, want %s", got, want)
			}
		}
		rest(time.Second)
		f("00:15 00:30", func() { w.apply(asking("ratio")) })
		f("00:45 01:00", func() { w.apply(func(p *vigil.Policy) { asking("ratio")(p); p.Group = "env" }) })
		f("01:10 01:20 01:30", func() {
			w.apply(func(p *vigil.Policy) { asking("ratio")(p); p.Select.Every = vigil.Duration(10 * time.Second) })
		})
		f("", func() { w.apply(func(p *vigil.Policy) { asking("ratio")(p); p.Mode = vigil.Disabled }) })
		f("02:15 02:30", func() { w.apply(func(p *vigil.Policy) { asking("ratio")(p); p.Mode = vigil.Shadow }) })
		f("", func() {
			if err := w.Delete(t.Context(), "local", "cpu-high"); err != nil {
				t.Error(err)
			}
		})
	})
}

// TestQuery_IsLateOnceAtMost has five queries of 10 s each come due at the same
// times, twice as many as two at once can ask in time.
func TestQuery_IsLateOnceAtMost(t *testing.T) {
	bubble(t, func(w *world) {
		t := w.t
		var mu sync.Mutex
		under, most, twice := map[string]int{}, 0, false
		count := func(text string, by int) {
			mu.Lock()
			defer mu.Unlock()
			under[text] += by
			all := 0
			for _, n := range under {
				all, twice = all+n, twice || n > 1
			}
			most = max(most, all)
		}
		w.mu.Lock()
		w.answer = func(_ context.Context, q flow.Query) ([]flow.QueryResult, error) {
			count(q.Text, 1)
			defer count(q.Text, -1)
			time.Sleep(10 * time.Second)
			return nil, nil
		}
		w.mu.Unlock()
		for i := range 5 {
			w.apply(func(p *vigil.Policy) { asking(fmt.Sprint("q", i))(p); p.Name = fmt.Sprint("q", i) })
		}
		rest(15*time.Second*100 + time.Second)
		synctest.Wait()
		rows, _ := w.List(t.Context())
		asked, skipped := uint64(0), uint64(0)
		for _, row := range rows {
			s := row.Query
			if n := s.Asked + s.Skipped; n > 100 || n < 98 {
				t.Errorf("%s: %d asked and %d skipped of 100", row.Name, s.Asked, s.Skipped)
			}
			asked, skipped = asked+s.Asked, skipped+s.Skipped
		}
		if asked < 250 || skipped < 150 {
			t.Errorf("%d asked and %d skipped; two at once have time for 300 of 500", asked, skipped)
		}
		mu.Lock()
		defer mu.Unlock()
		if most != 2 || twice {
			t.Errorf("%d questions at once, the same one twice: %v", most, twice)
		}
	})
}

func TestQuery_IsGivenNoMoreThanItsInterval(t *testing.T) {
	bubble(t, func(w *world) {
		t := w.t
		took := make(chan time.Duration, 10)
		w.mu.Lock()
		w.answer = func(ctx context.Context, _ flow.Query) ([]flow.QueryResult, error) {
			began := time.Now()
			<-ctx.Done()
			took <- time.Since(began)
			return nil, vigil.Errorf(vigil.Timeout, "query_timeout", "too long")
		}
		w.mu.Unlock()
		w.apply(asking("slow"))
		if d := <-took; d != 15*time.Second {
			t.Errorf("a question of 15 s was canceled after %s", d)
		}
		// Whoever changes the policy need not wait for it either.
		rest(20 * time.Second)
		if err := w.Delete(t.Context(), "local", "cpu-high"); err != nil {
			t.Fatal(err)
		}
		deleted := time.Now()
		<-took
		if d := time.Since(deleted); d != 0 {
			t.Errorf("a question of a deleted policy went on for %s", d)
		}
	})
}

func TestQuery_ResultsAreJudgedByItsPolicyAlone(t *testing.T) {
	bubble(t, func(w *world) {
		t := w.t
		w.apply(asking("ratio"))
		w.apply(func(p *vigil.Policy) { p.Name, p.Select.Selector, p.Target = "other", "cpu-high", "service:other" })
		w.says(nil, fresh(0.9, 3*time.Second))
		rest(16 * time.Second)
		if got := w.takeTold(); !strings.HasPrefix(got, "fired service:backend") || strings.Contains(got, "other") {
			t.Fatalf("the healer heard %q", got)
		}
		f := w.firings[0]
		if f.Series.String() != "cpu-high" || f.SampleAt.Format("04:05") != "00:12" || f.ReceivedAt.Format("04:05") != "00:15" || f.Trail == nil {
			t.Errorf("firing = %+v", f)
		}
		w.says(nil, fresh(0.1, 3*time.Second))
		rest(16 * time.Second)
		if got := w.takeTold(); !strings.HasSuffix(got, "cleared service:backend") {
			t.Errorf("the healer heard %q", got)
		}
	})
}

// TestQuery_StaleSamplesSayNothingNew shows that a value which falls only because
// its window moves over the silence of its series is not taken for health.
func TestQuery_StaleSamplesSayNothingNew(t *testing.T) {
	bubble(t, func(w *world) {
		t := w.t
		w.apply(asking("rate()"))
		w.says(nil, fresh(0.9, 0))
		rest(16 * time.Second)
		w.mu.Lock()
		last := w.questions[0].At
		w.mu.Unlock()
		w.says(nil, flow.QueryResult{Value: 0.1, Newest: last})
		rest(4 * time.Minute)
		if got := w.takeTold(); strings.Contains(got, "cleared") {
			t.Fatalf("a silent series was taken for a well one: %q", got)
		}
		w.mu.Lock()
		for _, j := range w.judged {
			if j.SampleAt.After(last) || j.Reach != 5*time.Minute || j.Verdict != vigil.VerdictFire {
				t.Errorf("the healer heard %+v", j)
				break
			}
		}
		w.mu.Unlock()
		rest(2 * time.Minute) // over the lookback
		if ep := w.episodes[w.order[0]]; ep.Reason != "no data for 5m" {
			t.Errorf("the episode ended by %q, want no data", ep.Reason)
		}
	})
}

// TestQuery_AbsenceMayFireAndNeverHeals has results that rest on no sample, as
// those of absent(x) and of x or vector(0).
func TestQuery_AbsenceMayFireAndNeverHeals(t *testing.T) {
	bubble(t, func(w *world) {
		t := w.t
		w.apply(asking("absent"))
		w.says(nil, flow.QueryResult{Value: 1})
		rest(16 * time.Second)
		if got := w.takeTold(); !strings.HasPrefix(got, "fired") {
			t.Fatalf("the healer heard %q", got)
		}
		w.says(nil, flow.QueryResult{Value: 0})
		rest(time.Minute)
		if got := w.takeTold(); strings.Contains(got, "cleared") {
			t.Errorf("what rests on nothing healed: %q", got)
		}
		want := map[string][]vigil.Verdict{"service:backend": {vigil.VerdictFire, vigil.VerdictNoData}}
		if diff := cmp.Diff(want, w.words()); diff != "" {
			t.Errorf("decisions (-want +got):\n%s", diff)
		}
	})
}

func TestQuery_FailureIsAnErrorAndNeitherFiresNorHeals(t *testing.T) {
	bubble(t, func(w *world) {
		t := w.t
		w.apply(asking("ratio"))
		w.says(nil, fresh(0.9, 0))
		rest(16 * time.Second)
		w.says(vigil.Errorf(vigil.Invalid, "query_too_expensive", "query: too many samples"))
		rest(30 * time.Second)
		row, _ := w.Get(t.Context(), "cpu-high")
		if s := row.Query; s.Code != "query_too_expensive" || s.Failed != 2 || s.Asked != 3 || s.Error == "" {
			t.Errorf("state = %+v", s)
		}
		if d := w.decisions[len(w.decisions)-1]; d.Verdict != vigil.VerdictError || d.Reason != "query: too many samples (query_too_expensive)" {
			t.Errorf("decision = %+v", d)
		}
		w.says(nil, fresh(0.1, 0))
		rest(16 * time.Second)
		want := map[string][]vigil.Verdict{"service:backend": {vigil.VerdictFire, vigil.VerdictError, vigil.VerdictOK}}
		if diff := cmp.Diff(want, w.words()); diff != "" {
			t.Errorf("decisions (-want +got):\n%s", diff)
		}
		if row, _ := w.Get(t.Context(), "cpu-high"); row.Query.Code != "" || row.Query.Results != 1 {
			t.Errorf("state = %+v", row.Query)
		}
	})
}

func TestApply_RefusesQueriesThatCannotWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	f := func(code, field string, change func(p *vigil.Policy)) {
		t.Helper()
		p := cpuHigh()
		asking("rate()")(&p)
		change(&p)
		_, _, err := w.Apply(t.Context(), "local", p)
		if e := vigil.AsError(err); err == nil && code != "" || err != nil && (e.Code != code || e.Fields["field"] != field) {
			t.Errorf("Apply = %v at %v, want %s at %s", err, e.Fields["field"], code, field)
		}
	}
	f("", "", func(*vigil.Policy) {})
	f("query_invalid", "select.query", func(p *vigil.Policy) { p.Select.Query = "(" })
	f("policy_invalid", "select", func(p *vigil.Policy) { p.Select.Selector = "cpu_usage" })
	f("policy_invalid", "select.every", func(p *vigil.Policy) { p.Select.Every = 0 })
	f("policy_invalid", "select.every", func(p *vigil.Policy) { p.Lookback = vigil.Duration(20 * time.Second) })
	f("policy_invalid", "target", func(p *vigil.Policy) { p.Select.Query, p.Target = "sum()", "service:{{service}}" })
	f("policy_invalid", "verify.window", func(p *vigil.Policy) { p.Verify.Window = vigil.Duration(time.Minute) })
}
