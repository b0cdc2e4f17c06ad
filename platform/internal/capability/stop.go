package capability

import (
	"syscall"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// killWait bounds the wait for a killed process: longer means it hangs in the
// kernel, and nobody can help.
const killWait = 5 * time.Second

// stop brings the service down: the configured signal, its grace, then KILL.
// What is down already is stopped well. The caller holds the verb.
func (s *service) stop() error {
	p, err := s.find()
	if err != nil {
		return err
	}
	sig, _ := signalNamed(s.cfg.Stop.Signal) // checked with the configuration
	if err := s.end(p, sig, s.cfg.Stop.Grace.D()); err != nil {
		return vigil.Errorf(vigil.Internal, "stop_failed", "service %s: %v", s.name, err)
	}
	gone := poll(killWait, func() bool {
		s.attend()
		left := s.sweep(p)
		s.mu.Lock()
		defer s.mu.Unlock()
		return !left && !alive(p) && s.main.none()
	})
	if !gone {
		return vigil.Errorf(vigil.Internal, "stop_failed", "service %s: process %d is still there %s after KILL", s.name, p.PID, killWait).
			Hinted("ps -o stat,wchan -p %d shows what it waits for", p.PID)
	}
	return nil
}

// end signals p, waits its grace and kills it. The rest of a supervised group
// is left to attend, which kills it as soon as p is gone.
func (s *service) end(p process, sig syscall.Signal, grace time.Duration) error {
	if p.none() {
		return nil
	}
	if err := signal(p, sig); err != nil {
		return err
	}
	if poll(grace, func() bool { return !alive(p) }) {
		return nil
	}
	s.log.Warn("service outlived its grace and is killed", "pid", p.PID)
	return signal(p, syscall.SIGKILL)
}

// sweep kills what a daemon left whose main process died without its children,
// and reports whether anything was there. It is part of a verb and never done
// by itself: until somebody decides, a daemon is left as it is.
func (s *service) sweep(main process) bool {
	if !s.daemon() || alive(main) {
		return false
	}
	left := orphans(s.cfg.Pidfile, s.cfg.Start[0])
	for _, p := range left {
		s.log.Warn("service left a process behind that is killed", "pid", p.PID)
		_ = signal(p, syscall.SIGKILL) // what could not be killed is seen by the next look
	}
	return len(left) > 0
}

// reload signals the main process and looks that it survives it.
func (s *service) reload() error {
	p, err := s.find()
	if err != nil {
		return err
	}
	if p.none() {
		return vigil.Errorf(vigil.Conflict, "service_down", "service %s is down and cannot reload", s.name)
	}
	sig, _ := signalNamed(s.cfg.Reload.Signal) // checked with the configuration
	if err := signal(p, sig); err != nil {
		return vigil.Errorf(vigil.Internal, "reload_failed", "service %s: %v", s.name, err)
	}
	if poll(settle, func() bool { return !alive(p) }) {
		return vigil.Errorf(vigil.Internal, "reload_failed", "service %s: process %d ended on %s", s.name, p.PID, s.cfg.Reload.Signal).
			Hinted("its output is in %s", s.logPath())
	}
	return nil
}
