package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// A segment file is a row of records: u32 length, u32 CRC-32C of the bytes,
// the bytes; little endian. Names are numbers that only grow.
const headerBytes = 8

var (
	errEnd  = errors.New("no further record")
	errTorn = errors.New("the record is torn")
)

// segment is one file of the spool.
type segment struct {
	path string
	file *os.File // nil until it is read or written
	mine bool     // written by this run, so its end is known to be whole
	size int64    // bytes of whole records written
	read int64    // where the oldest unread record starts
	next int64    // where the record that was peeked ends
	held []byte   // the record that was peeked; nil if none
}

// findSegments returns the segments an earlier run left, oldest first.
func findSegments(dir string) ([]*segment, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.spool"))
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	slices.Sort(paths) // the numbers have leading zeros
	var found []*segment
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("look at segment: %w", err)
		}
		found = append(found, &segment{path: path, size: info.Size()})
	}
	return found, nil
}

func createSegment(path string) (*segment, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	return &segment{path: path, file: f, mine: true}, nil
}

// append writes a record at the end. After an error the file is as before, as
// far as this run is concerned: size did not move.
func (g *segment) append(record []byte) error {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(record)))
	b = binary.LittleEndian.AppendUint32(b, checksum(record))
	b = append(b, record...)
	if _, err := g.file.WriteAt(b, g.size); err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	g.size += int64(len(b))
	return nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// peek returns the oldest unread record, errEnd after the last, and another
// error when the rest of the file is of no use.
func (g *segment) peek() ([]byte, error) {
	if g.held != nil {
		return g.held, nil
	}
	if g.read >= g.size {
		return nil, errEnd
	}
	if g.file == nil {
		f, err := os.Open(g.path)
		if err != nil {
			return nil, fmt.Errorf("open segment: %w", err)
		}
		g.file = f
	}
	record, err := readRecord(io.NewSectionReader(g.file, g.read, g.size-g.read))
	if err != nil {
		return nil, err
	}
	g.held, g.next = record, g.read+headerBytes+int64(len(record))
	return record, nil
}

func readRecord(r io.Reader) ([]byte, error) {
	var header [headerBytes]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, errTorn
	}
	n := binary.LittleEndian.Uint32(header[:4])
	if n == 0 || n > maxRecord {
		return nil, errTorn
	}
	// A length is believed only as far as bytes arrive.
	record, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil || uint32(len(record)) != n || checksum(record) != binary.LittleEndian.Uint32(header[4:]) {
		return nil, errTorn
	}
	return record, nil
}

// advance moves past the peeked record if it is this one.
func (g *segment) advance(record []byte) {
	if g.held != nil && len(record) > 0 && &g.held[0] == &record[0] {
		g.held, g.read = nil, g.next
	}
}

// records counts the unread records, for the count of dropped ones.
func (g *segment) records() (n uint64) {
	b, err := os.ReadFile(g.path)
	if err != nil || int64(len(b)) < g.size {
		return 1
	}
	r := bytes.NewReader(b[g.read:g.size])
	for {
		if _, err := readRecord(r); err != nil {
			return n
		}
		n++
	}
}

func (g *segment) close() error {
	if g.file == nil {
		return nil
	}
	return g.file.Close()
}

// remove deletes the file. What cannot be deleted is read again by the next
// run, and the collector knows those samples already.
func (g *segment) remove() {
	_ = g.close()
	_ = os.Remove(g.path)
}
