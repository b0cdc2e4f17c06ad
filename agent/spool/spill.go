package spool

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// spill needs mu. When the disk refuses, records stay in memory up to their
// bound and the oldest are dropped.
func (s *Spool) spill() error {
	for len(s.memory) > 0 {
		last, err := s.writable()
		if err == nil {
			err = last.append(s.memory[0])
		}
		if err != nil {
			s.shed()
			return fmt.Errorf("spill %d batches: %w", len(s.memory), err)
		}
		s.memory[0] = nil
		s.memory = s.memory[1:]
	}
	s.makeRoom()
	return nil
}

func (s *Spool) shed() {
	if over := len(s.memory) - memoryRecords; over > 0 {
		s.dropped += uint64(over)
		s.memory = append([][]byte(nil), s.memory[over:]...)
	}
}

// writable returns the segment to append to. A segment of an earlier run is
// only read: its tail may be torn.
func (s *Spool) writable() (*segment, error) {
	if n := len(s.segments); n > 0 {
		if last := s.segments[n-1]; last.mine && last.size < segmentBytes {
			return last, nil
		}
	}
	next, err := createSegment(filepath.Join(s.dir, fmt.Sprintf("%016d.spool", s.lastNumber()+1)))
	if err != nil {
		return nil, err
	}
	s.segments = append(s.segments, next)
	return next, nil
}

func (s *Spool) lastNumber() uint64 {
	if len(s.segments) == 0 {
		return 0
	}
	name := filepath.Base(s.segments[len(s.segments)-1].path)
	n, _ := strconv.ParseUint(strings.TrimSuffix(name, ".spool"), 10, 64)
	return n
}

// makeRoom drops the oldest segments while the files are over their bound.
func (s *Spool) makeRoom() {
	for len(s.segments) > 1 && s.bytes() > s.opts.MaxBytes {
		s.dropped += s.segments[0].records()
		s.segments[0].remove()
		s.segments = s.segments[1:]
	}
}

func (s *Spool) bytes() (n int64) {
	for _, one := range s.segments {
		n += one.size
	}
	return n
}
