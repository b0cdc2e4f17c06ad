package capability

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/techmedaddy/vigil/platform/internal/durable"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// record is what a supervised service leaves in the state directory, so that
// the next Vigil knows it again. It is written twice per start: before, with
// only the mark that the child will carry in its environment, and after, with
// the process. Whenever Vigil dies, the child can be found.
type record struct {
	Mark    string  `json:"mark"`
	Boot    string  `json:"boot"`
	Process process `json:"process,omitzero"`
}

// save writes the record so that a crash leaves the old one or the new one.
func (r record) save(path string) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode record: %w", err)
	}
	return durable.Replace(path, b)
}

// loadRecord reads a record; none is no error.
func loadRecord(path string) (record, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	if err != nil {
		return record{}, fmt.Errorf("read record: %w", err)
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return record{}, vigil.Errorf(vigil.Internal, "state_corrupt", "service record %s cannot be read: %v", path, err).
			Hinted("stop the service by hand, then remove the file")
	}
	return r, nil
}

// adopt returns the recorded process if it still runs in this boot.
func (r record) adopt(boot string) process {
	switch {
	case r.Mark == "" || r.Boot != boot:
		return process{}
	case r.Process.none():
		return findMarked(markName + r.Mark)
	case alive(r.Process):
		return r.Process
	}
	return process{}
}
