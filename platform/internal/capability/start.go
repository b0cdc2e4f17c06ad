package capability

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability/program"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// settle is how long a process must live to count as up when nothing else
// tells: long enough for a bad flag or a missing file to show.
const settle = 200 * time.Millisecond

// start brings the service up and waits until it is. What is up already is
// left alone. The caller holds the verb.
func (s *service) start() error {
	p, err := s.find()
	if err != nil || !p.none() {
		return err
	}
	s.attend() // an old group must not hold the port of the new one
	poll(killWait, func() bool { return !s.sweep(p) })
	s.mu.Lock()
	shut := s.shut
	s.mu.Unlock()
	if shut {
		return vigil.Errorf(vigil.Conflict, "shutting_down", "service %s ends with Vigil, which is stopping", s.name)
	}
	if err := program.Check(s.cfg.Start[0]); err != nil {
		return err
	}
	if s.daemon() {
		return s.startDaemon()
	}
	return s.startSupervised()
}

// startSupervised spawns the service as a child of Vigil, its record before it.
func (s *service) startSupervised() error {
	if s.cfg.URLFile != "" {
		if err := os.Remove(s.cfg.URLFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove old address: %w", err)
		}
	}
	r := record{Mark: vigil.NewID("svc"), Boot: s.boot}
	if err := r.save(s.recordPath()); err != nil {
		return s.failed("its record cannot be written: %v", err)
	}
	p, err := s.spawn(markName + r.Mark)
	if err != nil {
		return s.failed("%v", err)
	}
	s.mu.Lock()
	s.main = p
	s.mu.Unlock()
	r.Process = p
	if err := r.save(s.recordPath()); err != nil {
		s.log.Warn("service record not completed; its mark will find it", "err", err)
	}
	return s.awaitSupervised(p)
}

// awaitSupervised waits until p serves, or has lived long enough to be believed.
func (s *service) awaitSupervised(p process) error {
	if s.cfg.URLFile == "" {
		if poll(settle, func() bool { return !alive(p) }) {
			s.attend()
			return s.failed("process %d ended at once", p.PID)
		}
		return nil
	}
	poll(s.cfg.StartTimeout.D(), func() bool { return s.url() != "" || !alive(p) })
	switch {
	case !alive(p):
		s.attend()
		return s.failed("process %d ended at once", p.PID)
	case s.url() == "":
		err := s.failed("process %d did not serve within %s", p.PID, s.cfg.StartTimeout)
		return errors.Join(err, s.stop())
	}
	return nil
}

// startDaemon runs the start command and waits until the pidfile names a
// living process. The command may fork and end or stay in the foreground. One
// that brings nothing up in time is killed with its group.
func (s *service) startDaemon() error {
	kid, err := s.spawn()
	if err != nil {
		return s.failed("%v", err)
	}
	s.mu.Lock()
	s.kids = append(s.kids, kid)
	s.mu.Unlock()
	var p process
	var findErr error
	ended := time.Time{}
	up := poll(s.cfg.StartTimeout.D(), func() bool {
		p, findErr = s.find()
		if p.none() && ended.IsZero() && !alive(kid) {
			ended = s.now()
		}
		return !p.none() || (!ended.IsZero() && s.now().Sub(ended) > graceAfterFork)
	})
	switch {
	case !p.none():
		s.attend()
		return nil
	case findErr != nil:
		return findErr
	case up:
		s.attend()
		return s.failed("the start command ended and %s names no running process", s.cfg.Pidfile)
	}
	killGroup(kid)
	poll(killWait, func() bool { s.attend(); return reap(kid) })
	return s.failed("%s names no running process after %s", s.cfg.Pidfile, s.cfg.StartTimeout)
}

// graceAfterFork is how long after its start command ended a daemon may take
// to write its pidfile.
const graceAfterFork = 2 * time.Second

// spawn starts the configured command with the configured environment, and
// extra beside it.
func (s *service) spawn(extra ...string) (process, error) {
	out, err := openLog(s.logPath())
	if err != nil {
		return process{}, err
	}
	defer out.Close()
	env := append(make([]string, 0, len(s.cfg.Env)+2), extra...) // never nil, which would mean Vigil's own
	for k, v := range s.cfg.Env {
		env = append(env, k+"="+v)
	}
	if s.cfg.Ephemeral {
		env = append(env, ParentVariable+"="+strconv.Itoa(os.Getpid()))
	}
	return spawn(s.cfg, env, out)
}

// ParentVariable names the environment variable that tells an ephemeral service
// its parent's pid: when that is no longer its parent, it must end by itself. A
// death signal from the kernel would not do, since that follows the thread that
// forked and not the process.
const ParentVariable = "VIGIL_PARENT"

func (s *service) failed(format string, args ...any) *vigil.Error {
	return vigil.Errorf(vigil.Internal, "start_failed", "service "+s.name+": "+format, args...).
		Hinted("its output is in %s", s.logPath())
}
