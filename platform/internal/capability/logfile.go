package capability

import (
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	maxLog  = 4 << 20   // bytes after which a service's output file is cut
	keepLog = 256 << 10 // bytes of it that are kept in the file beside it
)

// openLog opens a service's output file. Append mode is what makes trimming
// safe: every write of the service goes to the present end of the file.
func openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return f, nil
}

// trimLog empties a log over its cap and keeps its end in path.1. The service
// holds the file open itself and may outlive Vigil, so the cap is enforced from
// outside, at each pass of Run.
func trimLog(path string, limit, keep int64) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil //nolint:nilerr // no log yet
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	fi, err := f.Stat()
	if err != nil || fi.Size() <= limit {
		return err
	}
	tail := make([]byte, keep)
	n, err := f.ReadAt(tail, fi.Size()-keep)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the end of %s: %w", path, err)
	}
	if err := os.WriteFile(path+".1", tail[:n], 0o600); err != nil {
		return fmt.Errorf("keep the end of %s: %w", path, err)
	}
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("empty %s: %w", path, err)
	}
	return nil
}
