package wasm

import (
	"cmp"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// cacheBytes is how much the cache on disk may hold unless an option says
// otherwise: the machine code of about 150 modules in Go.
const cacheBytes = 1 << 30

// kept is one file of the cache.
type kept struct {
	path string
	size int64 // in whole blocks, as the disk counts it
	used time.Time
}

// trim removes what was not used for longest from a cache until it holds at
// most limit bytes: machine code, checked modules and marks alike. What runs is
// in memory and stays there; what a module misses at the next start is made
// again. Files that a process is about to rename are left to it.
//
// A use is when a file was read, where the system keeps that, else when it was
// written. Linux keeps it by the day, so that the order within one may not be
// the right one.
func trim(dir string, limit int64, log *slog.Logger) {
	if dir == "" {
		return // nothing is kept
	}
	var all []kept
	held := int64(0)
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // another process may have been quicker
		}
		info, err := entry.Info()
		if err != nil {
			return nil //nolint:nilerr // so it may here
		}
		f := kept{path, max(1, (info.Size()+block-1)/block) * block, usedAt(info)}
		held += f.size
		if filepath.Dir(path) != dir && !strings.HasSuffix(path, ".tmp") {
			all = append(all, f)
		}
		return nil
	})
	if held <= limit {
		return
	}
	slices.SortFunc(all, func(a, b kept) int { return cmp.Or(a.used.Compare(b.used), strings.Compare(a.path, b.path)) })
	before, n := held, 0
	for ; n < len(all) && held > limit; n++ {
		if err := os.Remove(all[n].path); err != nil && !os.IsNotExist(err) {
			log.Warn("module cache is not trimmed", "err", err)
			return
		}
		held -= all[n].size
	}
	log.Info("module cache trimmed", "files", n, "bytes", before-held)
}

// block is what the smallest file costs a disk, in bytes.
const block = 4 << 10
