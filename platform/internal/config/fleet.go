package config

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Fleet is what an operator says of all targets, whatever the policies say.
type Fleet struct {
	Protected  []string            `yaml:"protected" json:"protected,omitempty"`    // patterns of targets that only people act on: service:db-*
	DependsOn  map[string][]string `yaml:"depends_on" json:"depends_on,omitempty"`  // target → what it stands on and what is treated first
	TargetTTL  vigil.Duration      `yaml:"target_ttl" json:"target_ttl,omitempty"`  // a target silent for so long leaves its groups: 24h
	ActionRate vigil.Rate          `yaml:"action_rate" json:"action_rate,omitzero"` // of all policies together: 300/1h
}

func (f Fleet) check() error {
	bad := func(field, format string, args ...any) *vigil.Error {
		return vigil.Errorf(vigil.Invalid, "config_invalid", field+": "+format, args...).With("field", field)
	}
	for _, p := range f.Protected {
		kind, name, _ := strings.Cut(p, ":")
		if _, err := path.Match(p, ""); err != nil || name == "" || kind != "service" && kind != "host" {
			return bad("protected", "%.80q is no pattern of targets", p).Hinted("write service:NAME or host:NAME, where * stands for any run of characters")
		}
	}
	for _, target := range slices.Sorted(maps.Keys(f.DependsOn)) {
		for _, name := range append([]string{target}, f.DependsOn[target]...) {
			if _, err := vigil.ParseTarget(name); err != nil {
				return bad("depends_on", "%s", vigil.AsError(err).Msg)
			}
		}
		if way := f.circle(target); way != nil {
			return bad("depends_on", "%s depends on itself: %s", target, strings.Join(way, " → "))
		}
	}
	if f.TargetTTL != 0 && f.TargetTTL.D() < minTTL {
		return bad("target_ttl", "%s is below %s", f.TargetTTL, vigil.Duration(minTTL))
	}
	return nil
}

// minTTL is the least time to live of a silent target: long enough for its
// silence to be counted first.
const minTTL = 10 * time.Minute

// circle finds a way from a target back to it, nil if there is none.
func (f Fleet) circle(target string) []string {
	from := map[string]string{}
	next := []string{target}
	for len(next) > 0 {
		at := next[0]
		next = next[1:]
		for _, below := range f.DependsOn[at] {
			if below == target {
				way := []string{target}
				for ; at != target; at = from[at] {
					way = append(way, at)
				}
				slices.Reverse(way[1:])
				return append(way, target)
			}
			if _, seen := from[below]; !seen {
				from[below] = at
				next = append(next, below)
			}
		}
	}
	return nil
}
