package module

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxWatched bounds how many files a module's folder may have.
const maxWatched = 10_000

// Fingerprint tells whether anything in a module's folder changed: it covers
// name, size and time of every file but hidden ones, backups and modules that
// were built there.
func Fingerprint(dir string) (string, error) {
	sum, files := sha256.New(), 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != dir && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() || strings.HasSuffix(d.Name(), ".wasm") || strings.HasSuffix(d.Name(), "~") {
			return nil
		}
		if files++; files > maxWatched {
			return vigil.Errorf(vigil.TooLarge, "module_files", "%s has more than %d files; is it the folder of one module?", dir, maxWatched)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var head [16]byte
		binary.LittleEndian.PutUint64(head[:], uint64(info.Size()))
		binary.LittleEndian.PutUint64(head[8:], uint64(info.ModTime().UnixNano()))
		sum.Write(head[:])
		sum.Write([]byte(path + "\x00"))
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("look for changes in %s: %w", dir, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
