package app

import (
	"cmp"

	"github.com/techmedaddy/vigil/platform/internal/policy"
	"github.com/techmedaddy/vigil/platform/internal/telemetry"
)

// shownPolicies bounds the policies that /metrics shows one by one. Modules are
// bounded by what the engine remembers, which is 1,024.
const shownPolicies = 1000

const wasmPage = 64 << 10 // bytes

// tellRow is how rows are told to telemetry.
type tellRow = func(values []float64, labels ...string)

// meterPolicies shows what the guests cost by policy.
func (a *App) meterPolicies(t *tenant) {
	a.tel.Table([]string{"policy", "module"}, []telemetry.Column{
		{Name: "vigil_guest_evaluations_total", Help: "Guest calls that judged for the policy."},
		{Name: "vigil_guest_samples_total", Help: "Samples judged."},
		{Name: "vigil_guest_fuel_total", Help: "Fuel used: instructions of the guest, by the meter."},
		{Name: "vigil_guest_eval_seconds_total", Help: "Time spent in the guest."},
		{Name: "vigil_guest_memory_bytes", Help: "Most memory of an instance that judged for the policy; those of one module share it."},
	}, func(row tellRow) {
		a.eachPolicy(t, func(c policy.Cost, module string) {
			row([]float64{float64(c.Calls), float64(c.Samples), float64(c.Fuel), c.Time.Seconds(), float64(c.Pages) * wasmPage}, c.Policy, module)
		})
	})
	a.tel.Table([]string{"policy", "module", "code"}, []telemetry.Column{
		{Name: "vigil_guest_traps_total", Help: "Guest calls for the policy that failed, by code; none of them led to an action."},
	}, func(row tellRow) {
		a.eachPolicy(t, func(c policy.Cost, module string) {
			for code, n := range c.Failures {
				row([]float64{float64(n)}, c.Policy, module, code)
			}
		})
	})
	a.tel.Table([]string{"policy"}, []telemetry.Column{
		{Name: "vigil_policy_queries_total", Help: "Evaluations of the policy's query."},
		{Name: "vigil_policy_query_seconds_total", Help: "Time that they took."},
		{Name: "vigil_policy_query_failures_total", Help: "Evaluations that failed; none of them led to an action."},
		{Name: "vigil_policy_queries_skipped_total", Help: "Evaluations left out because it was too late for them."},
	}, func(row tellRow) {
		a.eachPolicy(t, func(c policy.Cost, _ string) {
			if q := c.Query; q != nil {
				row([]float64{float64(q.Asked), c.QueryTime.Seconds(), float64(q.Failed), float64(q.Skipped)}, c.Policy)
			}
		})
	})
	a.tel.Gauge("vigil_policies_not_shown", "Policies left out of the families by policy, beyond 1,000.", func() float64 {
		_, omitted := t.policies.Costs(shownPolicies)
		return float64(omitted)
	})
}

// eachPolicy yields the policies that are shown, with the names of their modules.
func (a *App) eachPolicy(t *tenant, yield func(c policy.Cost, module string)) {
	names := map[string]string{}
	for _, m := range a.engine.Stats().Modules {
		names[m.Digest] = m.Name
	}
	costs, _ := t.policies.Costs(shownPolicies)
	for _, c := range costs {
		yield(c, cmp.Or(names[c.Digest], c.Digest))
	}
}

// meterModules shows what the guests cost by module, actions too. Two uploads may
// share a name, so the digest stands beside it.
func (a *App) meterModules() {
	a.tel.Table([]string{"module", "digest"}, []telemetry.Column{
		{Name: "vigil_module_calls_total", Help: "Calls of the module's guests, of all kinds."},
		{Name: "vigil_module_samples_total", Help: "Samples judged."},
		{Name: "vigil_module_fuel_total", Help: "Fuel used: instructions of the guest, by the meter."},
		{Name: "vigil_module_seconds_total", Help: "Time spent in guests, with the host calls that they made."},
		{Name: "vigil_module_memory_bytes", Help: "Most memory that one instance had."},
		{Name: "vigil_module_instances", Help: "Instances that are open."},
		{Name: "vigil_module_quarantined", Help: "1 while the module is held back because it trapped again and again."},
	}, func(row tellRow) {
		for _, m := range a.engine.Stats().Modules {
			held := 0.0
			if !m.Quarantined.IsZero() {
				held = 1
			}
			row([]float64{
				float64(m.Calls), float64(m.Samples), float64(m.Fuel), m.Time.Seconds(),
				float64(m.Pages) * wasmPage, float64(m.Instances), held,
			}, m.Name, m.Digest)
		}
	})
	a.tel.Table([]string{"module", "digest", "code"}, []telemetry.Column{
		{Name: "vigil_module_traps_total", Help: "Calls that ended an instance, by code."},
	}, func(row tellRow) {
		for _, m := range a.engine.Stats().Modules {
			for code, n := range m.Traps {
				row([]float64{float64(n)}, m.Name, m.Digest, code)
			}
		}
	})
	a.tel.Gauge("vigil_guests_memory_bytes", "Memory of all guests together.", func() float64 { return float64(a.engine.Stats().Memory) })
	a.tel.Gauge("vigil_guests_memory_limit_bytes", "Most memory that all guests together may have.",
		func() float64 { return float64(a.engine.Stats().MemoryBudget) })
}
