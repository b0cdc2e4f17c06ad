package vigil

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that reads and writes as text: 500ms, 2s, 5m,
// 1h30m, 15d.
type Duration time.Duration

// D returns the duration as the standard library knows it.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String drops the zero units that time.Duration prints: 5m, not 5m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes the duration as String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a non-negative duration; d for days is allowed as the
// only unit.
func (d *Duration) UnmarshalText(b []byte) error {
	s := string(b)
	if n, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return Errorf(Invalid, "bad_duration", "duration %q: want for example 2s, 5m or 15d", s)
		}
		*d = Duration(time.Duration(days) * 24 * time.Hour)
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return Errorf(Invalid, "bad_duration", "duration %q: want for example 2s, 5m or 15d", s)
	}
	*d = Duration(v)
	return nil
}

// Rate is a budget: at most N in every Per, written 3/1h.
type Rate struct {
	N   int
	Per Duration
}

// String renders the rate as 3/1h.
func (r Rate) String() string { return fmt.Sprintf("%d/%s", r.N, r.Per) }

// MarshalText writes the rate as String does.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads N/DURATION with N ≥ 1 and a positive duration.
func (r *Rate) UnmarshalText(b []byte) error {
	n, per, ok := strings.Cut(string(b), "/")
	count, err := strconv.ParseUint(n, 10, 16)
	var d Duration
	if !ok || err != nil || count == 0 || d.UnmarshalText([]byte(per)) != nil || d == 0 {
		return Errorf(Invalid, "bad_rate", "rate %q: want for example 3/1h", b)
	}
	*r = Rate{N: int(count), Per: d}
	return nil
}

// Size is a number of bytes that reads and writes as text: 64KiB, 16MiB, 1GiB.
type Size int64

const sizeUnits = "KMG"

// String writes the size in the largest unit that divides it.
func (s Size) String() string {
	unit := -1
	for s != 0 && s%1024 == 0 && unit+1 < len(sizeUnits) {
		s, unit = s/1024, unit+1
	}
	if unit < 0 {
		return strconv.FormatInt(int64(s), 10) + "B"
	}
	return strconv.FormatInt(int64(s), 10) + sizeUnits[unit:unit+1] + "iB"
}

// MarshalText writes the size as String does.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a whole number with its unit: B, KiB, MiB or GiB.
func (s *Size) UnmarshalText(b []byte) error {
	bad := Errorf(Invalid, "bad_size", "size %.40q: want for example 64KiB, 16MiB or 1GiB", b)
	text, ok := strings.CutSuffix(string(b), "B")
	if !ok {
		return bad
	}
	shift := 0
	if n, binary := strings.CutSuffix(text, "i"); binary {
		text = strings.TrimRight(n, sizeUnits)
		unit := strings.Index(sizeUnits, n[len(text):])
		if len(n)-len(text) != 1 || unit < 0 {
			return bad
		}
		shift = 10 * (unit + 1)
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return bad
	}
	*s = Size(n << shift)
	return nil
}
