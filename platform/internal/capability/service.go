package capability

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// markName is the variable that lets a restarted Vigil recognise a child.
const markName = "VIGIL_INSTANCE="

// service is one configured service and what is known of its process.
type service struct {
	name string
	cfg  ServiceConfig
	dir  string // where the record and the output lie
	boot string
	log  *slog.Logger
	now  func() time.Time

	verb chan struct{} // one token; whoever holds it may change the service

	mu   sync.Mutex
	main process   // guarded by mu: the supervised process, running or not yet cleared away
	kids []process // guarded by mu: start commands of daemons, to be reaped
	shut bool      // guarded by mu: Vigil is ending, an ephemeral service stays down
}

// newService adopts what an earlier Vigil left running.
func newService(name string, cfg ServiceConfig, boot string, o Options) (*service, error) {
	if err := cfg.Check(name); err != nil {
		return nil, err
	}
	s := &service{
		name: name, cfg: cfg.withDefaults(), dir: o.StateDir, boot: boot, now: o.Now,
		log:  o.Log.With("service", name),
		verb: make(chan struct{}, 1),
	}
	if s.daemon() {
		return s, nil
	}
	r, err := loadRecord(s.recordPath())
	if err != nil {
		return nil, err
	}
	s.main = r.adopt(boot)
	if !s.main.none() {
		s.log.Info("service readopted", "pid", s.main.PID)
	}
	return s, nil
}

func (s *service) daemon() bool       { return s.cfg.Pidfile != "" }
func (s *service) recordPath() string { return filepath.Join(s.dir, s.name+".json") }
func (s *service) logPath() string    { return filepath.Join(s.dir, s.name+".log") }

// find returns the process that speaks for the service now, none if it is down.
func (s *service) find() (process, error) {
	if s.daemon() {
		return readPidfile(s.cfg.Pidfile, s.cfg.Start[0])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if alive(s.main) {
		return s.main, nil
	}
	return process{}, nil
}

// status never waits for a verb under way.
func (s *service) status() (vigil.ServiceStatus, error) {
	st := vigil.ServiceStatus{Service: s.name, Driver: s.cfg.Driver}
	p, err := s.find()
	if err != nil || p.none() {
		return st, err
	}
	st.Up, st.PID, st.Since, st.URL = true, p.PID, startedAt(p), s.url()
	return st, nil
}

// url reads where the service says it serves; "" until it says so.
func (s *service) url() string {
	if s.cfg.URLFile == "" {
		return ""
	}
	f, err := os.Open(s.cfg.URLFile)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1024))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// do runs one verb alone and answers with the service's status after it. ctx
// bounds the wait for the turn only: once begun, a verb is finished. What may
// says counts when the turn has come, since it can be long in coming.
func (s *service) do(ctx context.Context, deed func() error, may ...func() error) (vigil.ServiceStatus, error) {
	unknown := vigil.ServiceStatus{Service: s.name, Driver: s.cfg.Driver}
	if ctx.Err() != nil {
		return unknown, vigil.Errorf(vigil.Timeout, "cancelled", "service %s: given up before it began", s.name)
	}
	select {
	case s.verb <- struct{}{}:
		defer func() { <-s.verb }()
	case <-ctx.Done():
		return unknown, vigil.Errorf(vigil.Busy, "service_busy", "service %s: another operation is under way", s.name)
	}
	for _, ask := range may {
		if err := ask(); err != nil {
			return unknown, err
		}
	}
	before, err := s.find()
	if err == nil {
		err = deed()
	}
	st, statusErr := s.status()
	if err == nil {
		err = statusErr
	}
	st.PIDBefore = before.PID
	return st, err
}

// attend does what is due between verbs: it reaps dead children, ends what a
// dead main process left of its group, and keeps the log within its cap.
func (s *service) attend() {
	s.mu.Lock()
	s.kids = slices.DeleteFunc(s.kids, reap)
	if !s.main.none() && !alive(s.main) {
		killGroup(s.main) // while a dead leader is not reaped, its number is surely still ours
		if reap(s.main) && len(members(s.main)) == 0 {
			s.main = process{}
		}
	}
	s.mu.Unlock()
	if err := trimLog(s.logPath(), maxLog, keepLog); err != nil {
		s.log.Warn("service log not trimmed", "err", err)
	}
}

// poll asks done every few milliseconds, for at most limit, and reports whether
// it said yes.
func poll(limit time.Duration, done func() bool) bool {
	end := time.NewTimer(limit)
	defer end.Stop()
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 25*time.Millisecond) {
		if done() {
			return true
		}
		next := time.NewTimer(wait)
		select {
		case <-next.C:
		case <-end.C:
			next.Stop()
			return done()
		}
	}
}
