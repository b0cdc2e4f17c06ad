package vigil

import (
	"regexp"
	"strings"
)

// Target is what is acted on, for example service:web@host-1. Host may be
// empty until the collector knows which remediator owns the target.
type Target struct {
	Kind string `json:"kind"` // "service" or "host"
	Name string `json:"name"`
	Host string `json:"host,omitempty"`
}

// targetPart is what a target's name or host may be made of. It holds no
// separator, space or option prefix, so that a rendered label can never
// smuggle a second target or a flag into a command.
var targetPart = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}$`)

// ParseTarget reads kind:name or kind:name@host. Anything else is refused with
// code target_out_of_scope.
func ParseTarget(s string) (Target, error) {
	kind, rest, ok := strings.Cut(s, ":")
	if !ok || (kind != "service" && kind != "host") {
		return Target{}, Errorf(Invalid, "target_out_of_scope", "target %q: want service:NAME or host:NAME", s)
	}
	name, host, placed := strings.Cut(rest, "@")
	if !targetPart.MatchString(name) || (placed && !targetPart.MatchString(host)) {
		return Target{}, Errorf(Invalid, "target_out_of_scope", "target %q: a name is letters, digits, dot, dash and underscore", s)
	}
	return Target{Kind: kind, Name: name, Host: host}, nil
}

// String renders the target as ParseTarget reads it.
func (t Target) String() string {
	s := t.Kind + ":" + t.Name
	if t.Host != "" {
		s += "@" + t.Host
	}
	return s
}

// MarshalText writes the target as String does.
func (t Target) MarshalText() ([]byte, error) {
	if t == (Target{}) {
		return nil, nil
	}
	return []byte(t.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (t *Target) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*t = Target{}
		return nil
	}
	*t, err = ParseTarget(string(b))
	return err
}
