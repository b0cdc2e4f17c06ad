package capability

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// clockSlack allows for the granularity of start times and file times.
const clockSlack = 2 * time.Second

// readPidfile returns the process that the pidfile at path speaks of, none if
// there is no such file or process. exe is the daemon's start command, which
// vouches for a process whose start time does not.
//
// A pidfile that others may write could point Vigil at any process, so it must
// belong to root, to us or to the daemon's own user. A pidfile older than the
// process it names speaks of an earlier owner of that pid.
func readPidfile(path, exe string) (process, error) {
	pid, fi, err := pidIn(path)
	if err != nil || pid == 0 {
		return process{}, err
	}
	return vouch(path, fi, pid, exe)
}

// pidIn returns the number in a pidfile, 0 if there is no file or nothing in it
// yet, and the open file's own description.
func pidIn(path string) (int, fs.FileInfo, error) {
	f, err := openPidfile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, vigil.Errorf(vigil.Conflict, "pidfile_unreadable", "pidfile %s: cannot be opened as a plain file", path)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return 0, nil, fmt.Errorf("stat pidfile %s: %w", path, err)
	}
	if !fi.Mode().IsRegular() || fi.Mode().Perm()&0o002 != 0 {
		return 0, nil, vigil.Errorf(vigil.Conflict, "pidfile_unsafe", "pidfile %s: want a regular file that not everybody may write", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return 0, nil, fmt.Errorf("read pidfile %s: %w", path, err)
	}
	if len(text) == 0 { // between creation and first write
		return 0, fi, nil
	}
	pid, ok := parsePid(text)
	if !ok {
		return 0, nil, vigil.Errorf(vigil.Conflict, "pidfile_unreadable", "pidfile %s: holds no process number", path)
	}
	return pid, fi, nil
}

// vouch turns the pid in a pidfile into a process, if the file may speak for it.
func vouch(path string, fi fs.FileInfo, pid int, exe string) (process, error) {
	if pid == 1 || pid == os.Getpid() || pid == os.Getppid() {
		return process{}, vigil.Errorf(vigil.Conflict, "pidfile_unsafe", "pidfile %s: names process %d, which is not a service", path, pid)
	}
	s, err := look(pid)
	if err != nil {
		return process{}, nil //nolint:nilerr // no such process: the service is down
	}
	reap(s.process)
	if s.ended() {
		return process{}, nil
	}
	uid, known := ownerOf(fi)
	runsAs, seen := owner(s.process)
	if !known || !seen || (uid != 0 && int(uid) != os.Geteuid() && uid != runsAs) {
		return process{}, vigil.Errorf(vigil.Conflict, "pidfile_unsafe", "pidfile %s: belongs to neither root, Vigil nor process %d", path, pid)
	}
	if startedAt(s.process).After(fi.ModTime().Add(clockSlack)) && !runs(s.process, exe) {
		return process{}, nil
	}
	return s.process, nil
}

// orphans returns what the dead process that the pidfile at path names left of
// its session and still runs the daemon's program. They hold the port of the
// daemon's successor. As long as they live the kernel gives the pid to nobody
// else, so the file cannot speak of a stranger's.
func orphans(path, exe string) []process {
	pid, fi, err := pidIn(path)
	if err != nil || pid <= 1 {
		return nil
	}
	leader := process{PID: pid}
	if s, err := look(pid); err == nil {
		if leader = s.process; !s.ended() {
			return nil
		}
	}
	uid, known := ownerOf(fi)
	return slices.DeleteFunc(members(leader), func(p process) bool {
		runsAs, seen := owner(p)
		mine := known && seen && (uid == 0 || int(uid) == os.Geteuid() || uid == runsAs)
		return !mine || !runs(p, exe)
	})
}
