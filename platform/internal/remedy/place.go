package remedy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// serves reports whether a remediator can reach a target that has its host.
func serves(h vigil.Remediator, t vigil.Target) bool {
	return h.Host == t.Host && slices.Contains(offers(h), t.Kind+":"+t.Name)
}

// place fills in the host that owns the target, or says why it cannot. A
// target that names no host is the one host that has it, or the host that the
// firing series speaks of; it is never a guess between two.
func (s *State) place(t vigil.Target, seriesHost string) (vigil.Target, string) {
	hosts := s.hosts(t)
	switch {
	case len(hosts) == 0:
		return t, fmt.Sprintf("no remediator has %s; there are: %s", t, s.known())
	case len(hosts) == 1:
		t.Host = hosts[0]
	case isAmong(hosts, seriesHost):
		t.Host = seriesHost
	default:
		return t, fmt.Sprintf("%s is on %s; say which, for example %s@%s", t, strings.Join(hosts, " and "), t, hosts[0])
	}
	return t, ""
}

func isAmong(sorted []string, name string) bool {
	_, ok := slices.BinarySearch(sorted, name)
	return ok
}

// hosts names the hosts whose remediators serve the target, in order.
func (s *State) hosts(t vigil.Target) []string {
	all, _ := s.homes.get(t.Kind + ":" + t.Name)
	if t.Host == "" {
		return all
	}
	if i, ok := slices.BinarySearch(all, t.Host); ok {
		return all[i : i+1 : i+1]
	}
	return nil
}

// house brings the index of who serves what in line with a changed remediator.
func (s *State) house(was, now vigil.Remediator) {
	for _, name := range append(offers(was), offers(now)...) {
		var hosts []string
		for _, h := range s.hands.all() {
			if slices.Contains(offers(h), name) {
				hosts = append(hosts, h.Host)
			}
		}
		if len(hosts) == 0 { // nobody has it any more
			s.homes.drop(name)
			continue
		}
		slices.Sort(hosts)
		s.homes.put(name, slices.Compact(hosts))
	}
}

// offers lists what a remediator can act on, as kind:name.
func offers(h vigil.Remediator) []string {
	if h.Host == "" {
		return nil
	}
	names := []string{"host:" + h.Host}
	for _, svc := range h.Services {
		names = append(names, "service:"+svc.Service)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// known lists what could be named instead, for a message: at most twenty.
func (s *State) known() string {
	var names []string
	for _, h := range s.hands.all() {
		for _, svc := range h.Services {
			names = append(names, "service:"+svc.Service+"@"+h.Host)
		}
	}
	slices.Sort(names)
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > 20:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:20], ", "), len(names)-20)
	}
	return strings.Join(names, ", ")
}

// action looks up what an action's name means; what the event does not tell is
// asked for.
func (d *draft) action(ref string) (Action, bool) {
	a, ok := d.e.Actions[ref]
	if !ok && !slices.Contains(d.out.Missing, ref) {
		d.out.Missing = append(d.out.Missing, ref)
	}
	return a, ok
}

// digest is that of the module which a remediation's present step names now, ""
// if it names none.
func (d *draft) digest(r vigil.Remediation) string {
	if r.Step >= len(r.Runbook) {
		return ""
	}
	act, _ := d.action(r.Runbook[r.Step].Action)
	return act.Module.Digest
}

// denied says why a runbook's step may not run, "" if it may. A module that
// needs something of the host and was granted nothing would only fail there.
func (d *draft) denied(runbook []vigil.Step, step int) string {
	if step >= len(runbook) {
		return "the runbook has no action"
	}
	ref := runbook[step].Action
	a, ok := d.action(ref)
	switch {
	case !ok:
		return "the action " + ref + " is not looked up yet"
	case a.Err != nil:
		return a.Err.Error()
	case a.Module.Kind != vigil.ActionModule:
		return ref + " is a policy module, not an action"
	case len(a.Module.Requires) > 0 && len(a.Grants) == 0:
		return fmt.Sprintf("%s needs %s and has no grant", ref, a.Module.Requires[0].Capability)
	}
	return ""
}
