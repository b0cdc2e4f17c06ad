package capability

import (
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// ServiceConfig says how one service is driven: an entry of services: in the
// configuration.
type ServiceConfig struct {
	Driver       string            `json:"driver"`                  // "" means command
	Start        []string          `json:"start,omitempty"`         // argv; the first word is an absolute path
	Pidfile      string            `json:"pidfile,omitempty"`       // "": Vigil supervises the process itself
	Stop         StopConfig        `json:"stop,omitzero"`           //
	Reload       ReloadConfig      `json:"reload,omitzero"`         //
	StartTimeout vigil.Duration    `json:"start_timeout,omitempty"` // 0 means 20s
	Env          map[string]string `json:"env,omitempty"`           // the whole environment; nothing is inherited
	Dir          string            `json:"dir,omitempty"`           // working directory; "" means /
	Unit         string            `json:"unit,omitempty"`          // driver systemd
	Container    string            `json:"container,omitempty"`     // driver docker
	Ephemeral    bool              `json:"-"`                       // lives and dies with Vigil: started by Run, stopped by it
	URLFile      string            `json:"-"`                       // the service writes its URL here once it serves
}

// StopConfig says how a service is asked to stop, and for how long.
type StopConfig struct {
	Signal string         `json:"signal,omitempty"` // "" means TERM
	Grace  vigil.Duration `json:"grace,omitempty"`  // 0 means 10s; then KILL
}

// ReloadConfig says how a service is asked to read its configuration again.
type ReloadConfig struct {
	Signal string `json:"signal,omitempty"` // "" means HUP
}

const (
	defaultGrace = vigil.Duration(10 * time.Second)
	defaultStart = vigil.Duration(20 * time.Second)
	longestWait  = vigil.Duration(5 * time.Minute) // bounds grace and start_timeout, so that a verb ends
	maxArgs      = 64
	maxArg       = 4096 // bytes
)

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// withDefaults fills what was left out.
func (c ServiceConfig) withDefaults() ServiceConfig {
	fill := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	fill(&c.Driver, "command")
	fill(&c.Stop.Signal, "TERM")
	fill(&c.Reload.Signal, "HUP")
	fill(&c.Dir, "/")
	if c.Stop.Grace == 0 {
		c.Stop.Grace = defaultGrace
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = defaultStart
	}
	return c
}

// Check reports the first thing that makes the service inadmissible, before
// anything is started. Errors are Invalid and name the field.
func (c ServiceConfig) Check(name string) error {
	c = c.withDefaults()
	bad := func(field, format string, args ...any) error {
		return vigil.Errorf(vigil.Invalid, "service_invalid", "service "+name+": "+field+": "+format, args...).With("field", field)
	}
	if t, err := vigil.ParseTarget("service:" + name); err != nil || t.Host != "" {
		return bad("name", "%q: want letters, digits, dot, dash and underscore", name)
	}
	if c.Driver != "command" {
		return vigil.Errorf(vigil.Invalid, "driver_unsupported", "service %s: driver %q is not available in this version", name, c.Driver).
			With("field", "driver").Hinted("use driver: command with start and, for a daemon, pidfile")
	}
	if !supported {
		return vigil.Errorf(vigil.Invalid, "driver_unsupported", "service %s: driver command needs Linux", name).With("field", "driver")
	}
	switch {
	case c.Unit != "" || c.Container != "":
		return bad("driver", "unit and container belong to other drivers than command")
	case c.Pidfile != "" && !cleanPath(c.Pidfile):
		return bad("pidfile", "%q: want an absolute path", c.Pidfile)
	case !cleanPath(c.Dir):
		return bad("dir", "%q: want an absolute path", c.Dir)
	case c.Stop.Grace > longestWait:
		return bad("stop.grace", "at most %s", longestWait)
	case c.StartTimeout > longestWait:
		return bad("start_timeout", "at most %s", longestWait)
	}
	if _, ok := signalNamed(c.Stop.Signal); !ok {
		return bad("stop.signal", "%q: want for example TERM, INT or QUIT", c.Stop.Signal)
	}
	if _, ok := signalNamed(c.Reload.Signal); !ok {
		return bad("reload.signal", "%q: want for example HUP or USR1", c.Reload.Signal)
	}
	if field, says := c.checkCommand(); says != "" {
		return bad(field, "%s", says)
	}
	return nil
}

// checkCommand looks at what is handed to the kernel: argv and environment.
func (c ServiceConfig) checkCommand() (field, says string) {
	if len(c.Start) == 0 || !cleanPath(c.Start[0]) {
		return "start", "want a command whose first word is an absolute path"
	}
	if len(c.Start) > maxArgs {
		return "start", "at most 64 words"
	}
	for _, a := range c.Start {
		if len(a) > maxArg || strings.ContainsAny(a, "\x00\n\r") {
			return "start", "a word is at most 4096 bytes and holds no line break or NUL"
		}
	}
	for k, v := range c.Env {
		if !envName.MatchString(k) || strings.HasPrefix(k, "VIGIL_INSTANCE") || len(v) > maxArg || strings.ContainsRune(v, 0) {
			return "env", "a name is letters, digits and underscore, a value at most 4096 bytes without NUL"
		}
	}
	return "", ""
}

// cleanPath reports whether p is absolute and says where it leads without
// detours.
func cleanPath(p string) bool {
	return filepath.IsAbs(p) && filepath.Clean(p) == p && !strings.ContainsAny(p, "\x00\n\r")
}
