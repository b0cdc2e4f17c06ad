package capability

import (
	"bytes"
	"errors"
	"strconv"
)

// process names one process for good: a pid is reused, a pid with its start
// time and boot is not. The zero value is no process.
type process struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks after boot
}

// none reports whether p names no process.
func (p process) none() bool { return p.PID == 0 }

// stat is what /proc/PID/stat says that matters here.
type stat struct {
	process
	State   byte // R, S, D, Z, …
	Parent  int
	Group   int
	Session int
	Threads int
}

// ended reports whether the process runs no more code. The state is that of
// its first thread alone: while others live, the process does.
func (s stat) ended() bool {
	return s.State == 'X' || s.State == 'x' || (s.State == 'Z' && s.Threads <= 1)
}

var errBadStat = errors.New("unreadable process status")

// parseStat reads the text of /proc/PID/stat. The command name may hold spaces
// and parentheses, so the fields are counted from its last one.
func parseStat(b []byte) (stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 1 || end < open {
		return stat{}, errBadStat
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(b[:open])))
	f := bytes.Fields(b[end+1:])
	if err != nil || pid < 1 || len(f) < 20 || len(f[0]) != 1 {
		return stat{}, errBadStat
	}
	s := stat{State: f[0][0]}
	s.PID = pid
	for _, n := range []struct {
		to *int
		at int
	}{{&s.Parent, 1}, {&s.Group, 2}, {&s.Session, 3}, {&s.Threads, 17}} {
		if *n.to, err = strconv.Atoi(string(f[n.at])); err != nil {
			return stat{}, errBadStat
		}
	}
	if s.Start, err = strconv.ParseUint(string(f[19]), 10, 64); err != nil {
		return stat{}, errBadStat
	}
	return s, nil
}

// parsePid reads the text of a pidfile: one decimal number, nothing else.
func parsePid(b []byte) (int, bool) {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 32)
	return int(n), err == nil && n > 0
}
