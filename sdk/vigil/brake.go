package vigil

import (
	"strings"
	"time"
)

// Scope is what a pause or a maintenance window covers: what one policy asks
// for, the targets that fit a pattern, or (neither is set) everything.
type Scope struct {
	Policy string `json:"policy,omitempty"`
	Target string `json:"target,omitempty"` // for example service:web@* or host:db-2
}

// Covers reports whether an action that policy ("" for a person's own) asks for
// on t lies in the scope. A pattern without @ stands for every host, and one of
// kind host for all that is on it.
func (s Scope) Covers(policy string, t Target) bool {
	switch {
	case s.Policy != "":
		return s.Policy == policy
	case s.Target == "":
		return true
	case TargetFits(s.Target, t.String()):
		return true
	}
	kind, name, _ := strings.Cut(s.Target, ":")
	return kind == "host" && t.Host != "" && FitsPattern(name, t.Host)
}

// Says is the scope in words.
func (s Scope) Says() string {
	switch {
	case s.Policy != "":
		return "policy " + s.Policy
	case s.Target != "":
		return s.Target
	}
	return "everything"
}

// Check reports what makes the scope inadmissible: code scope_invalid.
func (s Scope) Check() error {
	bad := func(field, format string, args ...any) error {
		return Errorf(Invalid, "scope_invalid", format, args...).With("field", field).
			Hinted("a target pattern is for example service:web@* or host:db-2")
	}
	switch {
	case s.Policy != "" && s.Target != "":
		return bad("target", "a scope is a policy or a target pattern, not both")
	case s.Policy != "" && !isName(s.Policy):
		return bad("policy", "%.100q is no name of a policy", s.Policy)
	case s.Target == "":
		return nil
	}
	if _, err := ParseTarget(strings.ReplaceAll(s.Target, "*", "x")); err != nil {
		return bad("target", "%.100q is no pattern of targets", s.Target)
	}
	return nil
}

// TargetFits reports whether a target, as text, is what the pattern says. A
// pattern without @ stands for every host.
func TargetFits(pattern, target string) bool {
	if !strings.Contains(pattern, "@") {
		target, _, _ = strings.Cut(target, "@")
	}
	return FitsPattern(pattern, target)
}

// FitsPattern reports whether s is what the pattern says, in which * stands for
// any run of characters. Its time is bounded by the product of the lengths.
func FitsPattern(pattern, s string) bool {
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Pause holds new actions back until its holder, or another person, lifts it or
// it expires. What runs may finish.
type Pause struct {
	ID     string `json:"id"`
	Holder string `json:"holder"` // who wants it: a person's name, a change's number
	By     string `json:"by"`     // the principal that set it
	Reason string `json:"reason"`
	Scope
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires,omitzero"` // zero: only a person ends it
}

// Over reports whether the pause has expired.
func (p Pause) Over(now time.Time) bool { return !p.Expires.IsZero() && !now.Before(p.Expires) }

// Window is a time of maintenance, in which no action starts: again and again
// by Cron, each time for Duration, or once from From until Until.
type Window struct {
	Name   string `json:"name"`
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
	Scope
	Cron     string    `json:"cron,omitempty"`     // minute hour day month weekday, on the clocks of TZ
	Duration Duration  `json:"duration,omitempty"` // of each opening
	TZ       string    `json:"tz,omitempty"`       // for example Europe/Berlin; "" is UTC
	From     time.Time `json:"from,omitzero"`      //
	Until    time.Time `json:"until,omitzero"`     //
	At       time.Time `json:"at"`                 // when it was set
	Open     bool      `json:"open"`               // now; answered, never asked for
	OpensAt  time.Time `json:"opens_at,omitzero"`  // next; zero: never
	ClosesAt time.Time `json:"closes_at,omitzero"` // if it is open
}

// Named reports whether the window has an admissible name.
func (w Window) Named() bool { return isName(w.Name) }

// PauseFile is what a file on a remediator's host says: begin nothing. It works
// without a collector.
type PauseFile struct {
	Path   string    `json:"path"`
	Reason string    `json:"reason"` // the beginning of its text
	Since  time.Time `json:"since"`  // when the remediator found it
}
