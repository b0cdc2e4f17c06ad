package vigil

import "strings"

// Target is what is acted on, for example service:web@host-1. Host may be
// empty until the collector knows which remediator owns the target.
type Target struct {
	Kind string `json:"kind"` // "service" or "host"
	Name string `json:"name"`
	Host string `json:"host,omitempty"`
}

// ParseTarget reads kind:name or kind:name@host. Anything else is refused with
// code target_out_of_scope.
func ParseTarget(s string) (Target, error) {
	kind, rest, ok := strings.Cut(s, ":")
	if !ok || (kind != "service" && kind != "host") {
		return Target{}, Errorf(Invalid, "target_out_of_scope", "target %.100q: want service:NAME or host:NAME", s)
	}
	name, host, placed := strings.Cut(rest, "@")
	if !isTargetPart(name) || (placed && !isTargetPart(host)) {
		return Target{}, Errorf(Invalid, "target_out_of_scope", "target %.100q: a name is letters, digits, dot, dash and underscore", s)
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

// Names lists the names under which something may be said of the target, the
// nearest first: as it is, on any host, and its host as a whole.
func (t Target) Names() []string {
	names := []string{t.String()}
	if t.Host != "" {
		names = append(names, t.Kind+":"+t.Name)
		if t.Kind != "host" {
			names = append(names, "host:"+t.Host)
		}
	}
	return names
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
