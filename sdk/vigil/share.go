package vigil

import (
	"strconv"
	"strings"
)

// Share is a part of a group, written as a number of targets (2) or as a
// percentage of those that are known (10%).
type Share struct {
	N       int
	Percent bool
}

// Of returns how many of known targets the share is, rounded down.
func (s Share) Of(known int) int {
	if s.Percent {
		return known * s.N / 100
	}
	return s.N
}

// String renders the share as 2 or 10%.
func (s Share) String() string {
	if s.Percent {
		return strconv.Itoa(s.N) + "%"
	}
	return strconv.Itoa(s.N)
}

// MarshalText writes the share as String does.
func (s Share) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads N or N%, where a percentage is at most 100.
func (s *Share) UnmarshalText(b []byte) error {
	number, percent := strings.CutSuffix(string(b), "%")
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return Errorf(Invalid, "bad_share", "share %.40q: want a number of targets such as 2, or a percentage such as 10%%", b)
	}
	if percent && n > 100 {
		return Errorf(Invalid, "bad_share", "share %.40q: a percentage is at most 100", b)
	}
	*s = Share{N: int(n), Percent: percent}
	return nil
}

// UnmarshalJSON reads the text, or a plain number.
func (s *Share) UnmarshalJSON(b []byte) error {
	return s.UnmarshalText([]byte(strings.Trim(string(b), `"`)))
}
