package wasm

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// checked is a module after its check: what is left to do is to compile it.
type checked struct {
	manifest vigil.Manifest
	pages    int    // of memory at the start
	room     uint32 // pages that it may have
	code     []byte // metered
	known    bool   // it was compiled here before
}

// shelf keeps checked modules beside their machine code, so that a module that
// was bound once need not be read, checked and metered at each start: that is
// half of what binding it costs. Another build of Vigil may check otherwise and
// has a shelf of its own. The directory is as private as the machine code; the
// digest that each file begins with finds what a disk has spoilt.
type shelf struct {
	dir string // "" keeps nothing
	log *slog.Logger
}

const (
	maxKept    = maxDigests          // modules on a shelf
	shelfLife  = 30 * 24 * time.Hour // of another build's shelf that nobody adds to
	shelfName  = "checked-"
	headerSize = sha256.Size + 4
)

// label is the beginning of a shelved module, after the digest of all that
// follows and the label's length.
type label struct {
	Manifest vigil.Manifest
	Pages    int
}

// openShelf finds this build's shelf in a cache, and clears away those of builds
// that are gone.
func openShelf(cache string, log *slog.Logger) shelf {
	if cache == "" {
		return shelf{log: log}
	}
	build, err := buildName()
	if err != nil {
		log.Warn("checked modules are not kept", "err", err)
		return shelf{log: log}
	}
	s := shelf{dir: filepath.Join(cache, shelfName+build), log: log}
	all, _ := filepath.Glob(filepath.Join(cache, shelfName+"*")) // the pattern is right
	for _, dir := range all {
		if info, err := os.Stat(dir); err == nil && dir != s.dir && time.Since(info.ModTime()) > shelfLife {
			_ = os.RemoveAll(dir) // the next start tries again
		}
	}
	return s
}

// buildName names the build that runs.
func buildName() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this binary: %w", err)
	}
	return buildOf(self)
}

// buildHead is how much of a binary's beginning is read. The linker puts there
// what it calls the build id, a digest of all that the build is made of.
const buildHead = 64 << 10

// buildOf tells builds apart by their file: its beginning, its size and its
// time. Packages and images often give every file the same time, and builds that
// differ little have the same size.
func buildOf(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("look at this binary: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("look at this binary: %w", err)
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%d %d\n", info.Size(), info.ModTime().UnixNano())
	if _, err := io.Copy(sum, io.LimitReader(f, buildHead)); err != nil {
		return "", fmt.Errorf("read this binary: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

func (s shelf) file(digest string) string {
	return filepath.Join(s.dir, strings.TrimPrefix(digest, "sha256:"))
}

// take returns the module with this digest, if it is there and whole.
func (s shelf) take(digest string) (checked, bool) {
	if s.dir == "" {
		return checked{}, false
	}
	b, err := os.ReadFile(s.file(digest))
	if err != nil {
		return checked{}, false
	}
	c, ok := unpack(b)
	if !ok {
		s.log.Warn("a kept module is spoilt and is checked again", "rev", digest)
		_ = os.Remove(s.file(digest)) // it is written anew
		return checked{}, false
	}
	now := time.Now()
	_ = os.Chtimes(s.file(digest), now, now) // the oldest goes first
	return c, true
}

func unpack(b []byte) (checked, bool) {
	if len(b) < headerSize {
		return checked{}, false
	}
	sum, rest := sha256.Sum256(b[sha256.Size:]), b[headerSize:]
	size := int(binary.LittleEndian.Uint32(b[sha256.Size:]))
	var l label
	if !bytes.Equal(sum[:], b[:sha256.Size]) || size > len(rest) || json.Unmarshal(rest[:size], &l) != nil {
		return checked{}, false
	}
	return checked{manifest: l.Manifest, pages: l.Pages, code: rest[size:], known: true}, true
}

// put keeps a module. What cannot be kept is checked again.
func (s shelf) put(digest string, c checked) {
	if s.dir == "" {
		return
	}
	if err := s.write(digest, c); err != nil {
		s.log.Warn("a checked module is not kept", "rev", digest, "err", err)
	}
}

func (s shelf) write(digest string, c checked) error {
	head, err := json.Marshal(label{c.manifest, c.pages})
	if err != nil {
		return fmt.Errorf("encode label: %w", err)
	}
	b := make([]byte, headerSize, headerSize+len(head)+len(c.code))
	binary.LittleEndian.PutUint32(b[sha256.Size:], uint32(len(head)))
	b = append(append(b, head...), c.code...)
	sum := sha256.Sum256(b[sha256.Size:])
	copy(b, sum[:])
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make shelf: %w", err)
	}
	made := fmt.Sprintf("%s.%d.tmp", s.file(digest), os.Getpid()) // whoever has the guest's turn is alone
	if err := os.WriteFile(made, b, 0o600); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := os.Rename(made, s.file(digest)); err != nil {
		return fmt.Errorf("put in place: %w", err)
	}
	s.thin()
	return nil
}

// thin removes the modules that were not used for longest, if there are too
// many.
func (s shelf) thin() {
	entries, err := os.ReadDir(s.dir)
	if err != nil || len(entries) <= maxKept {
		return
	}
	used := map[string]time.Time{}
	for _, f := range entries {
		if info, err := f.Info(); err == nil {
			used[f.Name()] = info.ModTime()
		}
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int {
		return cmp.Or(used[a.Name()].Compare(used[b.Name()]), strings.Compare(a.Name(), b.Name()))
	})
	for _, f := range entries[:len(entries)-maxKept] {
		_ = os.Remove(filepath.Join(s.dir, f.Name())) // the next one tries again
	}
}
