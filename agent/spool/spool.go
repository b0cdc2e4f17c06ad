package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	memoryRecords = 8       // records in memory before files are used
	segmentBytes  = 1 << 20 // a file is closed at this size
	maxRecord     = 8 << 20 // bytes of one record
)

// Options of a Spool. Zero values mean the defaults named here.
type Options struct {
	MaxBytes int64 // of files: 64 MiB
}

// Spool is one queue in one directory, which it holds locked. Its methods may
// be called at the same time.
type Spool struct {
	dir   string
	opts  Options
	lock  *os.File
	ready chan struct{}

	mu       sync.Mutex // guards all below
	memory   [][]byte   // newest records; all on disk are older
	segments []*segment // oldest first; the last may be open for appending
	dropped  uint64
}

// Open locks the directory, which is made if need be, and finds what an
// earlier run left there. A directory in use gives code already_running.
func Open(dir string, o Options) (*Spool, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 20
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unusable(dir, err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Spool{dir: dir, opts: o, lock: lock, ready: make(chan struct{}, 1)}
	if s.segments, err = findSegments(dir); err != nil {
		_ = lock.Close()
		return nil, unusable(dir, err)
	}
	return s, nil
}

func unusable(dir string, err error) error {
	return &vigil.Error{
		Kind: vigil.Invalid, Code: "spool_unusable", Err: err,
		Msg:  "open spool " + dir,
		Hint: "Name a directory this user may write, with --spool.",
	}
}

func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, unusable(dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, vigil.Errorf(vigil.Conflict, "already_running", "spool %s is used by another agent", dir).
			Hinted("Stop the other agent, or give this one its own directory with --spool.")
	}
	return f, nil
}

// Ready is signalled when a record may have come. It is a hint: ask Peek.
func (s *Spool) Ready() <-chan struct{} { return s.ready }

// Dropped returns how many records were dropped for want of room or because
// their file was damaged.
func (s *Spool) Dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// Put adds a record, which the spool keeps.
func (s *Spool) Put(record []byte) error {
	if len(record) == 0 || len(record) > maxRecord {
		return fmt.Errorf("spool a record of %d bytes: want 1 to %d", len(record), maxRecord)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory = append(s.memory, record)
	select {
	case s.ready <- struct{}{}:
	default:
	}
	if len(s.segments) == 0 && len(s.memory) <= memoryRecords {
		return nil
	}
	return s.spill()
}

// Peek returns the oldest record; false when there is none. A damaged file
// loses its tail and Peek goes on with the next.
func (s *Spool) Peek() ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.segments) > 0 {
		record, err := s.segments[0].peek()
		if err == nil {
			return record, true
		}
		if !errors.Is(err, errEnd) {
			s.dropped++
		}
		s.segments[0].remove()
		s.segments = s.segments[1:]
	}
	if len(s.memory) > 0 {
		return s.memory[0], true
	}
	return nil, false
}

// Drop removes the record that Peek returned last, if it is still the oldest;
// what was dropped for want of room meanwhile is gone already.
func (s *Spool) Drop(record []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.segments) > 0 {
		s.segments[0].advance(record)
		return
	}
	if len(s.memory) > 0 && len(record) > 0 && &s.memory[0][0] == &record[0] {
		s.memory[0] = nil
		s.memory = s.memory[1:]
	}
}

// Spill moves what is in memory to files, where a crash cannot take it.
func (s *Spool) Spill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spill()
}

// Close spills and lets go of the directory.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.spill()
	for _, one := range s.segments {
		err = errors.Join(err, one.close())
	}
	return errors.Join(err, s.lock.Close())
}
