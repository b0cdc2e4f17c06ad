package sqlite

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	lib "modernc.org/sqlite/lib"

	"github.com/techmedaddy/vigil/platform/internal/sqlite/faultdisk"
)

// sector is what a disk writes whole.
const sector = 512

// powered is a disk whose power can be cut: it knows of every file what a sync
// has made sure of, and what was written since. Files of one directory are one
// disk, so tests beside each other do not meet. Real files are never synced.
type powered struct {
	fs *faultdisk.FS // kept: C memory points into it

	mu    sync.Mutex
	disks map[string]*platter // by directory; guarded by mu
}

var thePower = sync.OnceValue(func() *powered {
	p := &powered{disks: map[string]*platter{}}
	var err error
	if p.fs, err = faultdisk.Register("powercut", p, false); err != nil {
		panic(err)
	}
	return p
})

// platter is one disk. Once it was cut it remembers nothing any more.
type platter struct {
	lies bool // it answers a sync without doing it

	mu    sync.Mutex // guards all below
	files map[string]*cutFile
	left  int // writes and syncs until the cut
	rng   *rand.Rand
	onCut func(image map[string][]byte) // called once, with what the disk holds
}

// cutFile is one file of a platter.
type cutFile struct {
	sure    []byte
	pending []change
	named   bool // its name is on the disk
	gone    bool // it was removed, but its name may come back
}

// change is a write or, without data, a truncation.
type change struct {
	off  int64
	data []byte
}

// plug makes dir a disk that is cut after so many writes and syncs.
func (p *powered) plug(t testing.TB, dir string, cutAfter int, rng *rand.Rand, onCut func(map[string][]byte)) *platter {
	t.Helper()
	d := &platter{files: map[string]*cutFile{}, left: cutAfter, rng: rng, onCut: onCut}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.disks[dir] = d
	return d
}

func (p *powered) unplug(dir string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.disks, dir)
}

// on calls do with the disk and the file that a path names, if it was plugged.
func (p *powered) on(path string, do func(*platter, *cutFile)) {
	p.mu.Lock()
	d := p.disks[filepath.Dir(path)]
	p.mu.Unlock()
	if d == nil || strings.HasSuffix(path, "-shm") {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[filepath.Base(path)]
	if f == nil {
		old, _ := os.ReadFile(path) // none: a new file
		f = &cutFile{sure: old, named: len(old) > 0 || !strings.HasSuffix(path, "-wal")}
		d.files[filepath.Base(path)] = f
	}
	do(d, f)
}

// Opened is what SQLite does to a file.
func (p *powered) Opened(path string) {
	p.on(path, func(_ *platter, f *cutFile) {
		if f.gone {
			*f = cutFile{}
		}
	})
}

// Write is what SQLite does to a file.
func (p *powered) Write(path string, data []byte, off int64) (int, int32) {
	p.on(path, func(d *platter, f *cutFile) {
		f.pending = append(f.pending, change{off, append([]byte{}, data...)})
		d.tick()
	})
	return len(data), lib.SQLITE_OK
}

// Truncate is what SQLite does to a file.
func (p *powered) Truncate(path string, size int64) {
	p.on(path, func(d *platter, f *cutFile) {
		f.pending = append(f.pending, change{off: size})
		d.tick()
	})
}

// Sync is what SQLite does to a file.
func (p *powered) Sync(path string) (pretend bool, rc int32) {
	p.on(path, func(d *platter, f *cutFile) {
		d.tick()
		if d.lies {
			return
		}
		for _, c := range f.pending {
			f.sure = c.apply(f.sure)
		}
		if !f.named { // SQLite syncs the directory of a new file, and with it what was removed there
			maps.DeleteFunc(d.files, func(_ string, other *cutFile) bool { return other.gone })
		}
		f.pending, f.named = nil, true
	})
	return true, lib.SQLITE_OK
}

// Removed leaves a name that may come back until the directory is synced.
func (p *powered) Removed(path string) {
	p.on(path, func(_ *platter, f *cutFile) { f.gone = true })
}

// tick counts an operation, and cuts when it is the one.
func (d *platter) tick() {
	if d.left--; d.left == 0 {
		d.onCut(d.cut())
	}
}

// cut returns what the disk holds: all that was synced, and of the rest some,
// some of that torn.
func (d *platter) cut() map[string][]byte {
	image := map[string][]byte{}
	for name, f := range d.files {
		if (!f.named || f.gone) && d.rng.IntN(2) == 0 {
			continue
		}
		b := append([]byte{}, f.sure...)
		for _, c := range f.pending {
			switch d.rng.IntN(4) {
			case 0: // lost
			case 1:
				for _, part := range c.torn(d.rng) {
					b = part.apply(b)
				}
			default:
				b = c.apply(b)
			}
		}
		image[name] = b
	}
	return image
}

// torn returns some of a write's sectors.
func (c change) torn(rng *rand.Rand) (some []change) {
	for at := 0; at < len(c.data); at += sector {
		if rng.IntN(2) == 0 {
			some = append(some, change{c.off + int64(at), c.data[at:min(at+sector, len(c.data))]})
		}
	}
	return some
}

func (c change) apply(b []byte) []byte {
	size := c.off + int64(len(c.data))
	if size > int64(len(b)) {
		b = append(b, make([]byte, size-int64(len(b)))...)
	}
	if c.data == nil {
		return b[:c.off]
	}
	copy(b[c.off:], c.data)
	return b
}
