package command

import (
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability/program"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Config says what one command is: an entry of commands: in the configuration.
type Config struct {
	Argv           []string          `json:"argv"`    // the first word is an absolute path; {name} is a placeholder
	Args           map[string]Arg    `json:"args"`    // the grammar of each placeholder
	Timeout        vigil.Duration    `json:"timeout"` // 0 means 30s
	Env            map[string]string `json:"env"`     // the whole environment; nothing is inherited
	Dir            string            `json:"dir"`     // working directory; "" means /
	RootEquivalent bool              `json:"i_accept_root_equivalent"`
}

// Arg is the grammar of one placeholder.
type Arg struct {
	Pattern string `json:"pattern"` // RE2 that begins with ^ and ends with $
	Max     int    `json:"max"`     // bytes; 0 means 128
}

const (
	defaultTimeout = vigil.Duration(30 * time.Second)
	longestTimeout = vigil.Duration(5 * time.Minute)
	defaultMax     = 128
	maxWords       = 64
	maxWord        = 4096 // bytes
)

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Dir == "" {
		c.Dir = "/"
	}
	return c
}

// Check reports the first thing that makes the command inadmissible. Whether
// its program is there and safe shows when it is run. Errors are Invalid and
// name the field.
func (c Config) Check(name string) error {
	_, err := c.compile(name)
	return err
}

// compile checks the configuration and returns its command line.
func (c Config) compile(name string) (line, error) {
	c = c.withDefaults()
	bad := func(field, format string, args ...any) error {
		return vigil.Errorf(vigil.Invalid, "command_invalid", "command "+name+": "+field+": "+format, args...).With("field", field)
	}
	switch {
	case !supported:
		return nil, bad("argv", "commands need Linux")
	case !ValidName(name):
		return nil, bad("name", "%.100q: want letters, digits, dot, dash and underscore", name)
	case !cleanPath(c.Dir):
		return nil, bad("dir", "%.100q: want an absolute path", c.Dir)
	case c.Timeout < 0 || c.Timeout > longestTimeout:
		return nil, bad("timeout", "at most %s", longestTimeout)
	case len(c.Argv) == 0 || !cleanPath(c.Argv[0]) || strings.ContainsAny(c.Argv[0], "{}"):
		return nil, bad("argv", "want a command whose first word is an absolute path")
	case len(c.Argv) > maxWords:
		return nil, bad("argv", "at most %d words", maxWords)
	}
	if says := c.checkEnv(); says != "" {
		return nil, bad("env", "%s", says)
	}
	if what := program.Interpreter(c.Argv[0]); what != "" && !c.RootEquivalent {
		return nil, rootEquivalent(name, c.Argv[0], what+" runs what its arguments say").With("field", "argv")
	}
	l, field, says := parse(c.Argv, c.Args)
	if says != "" {
		return nil, bad(field, "%s", says)
	}
	return l, nil
}

func rootEquivalent(name, path, why string) *vigil.Error {
	return vigil.Errorf(vigil.Invalid, "command_root_equivalent", "command %s: argv: %s: %s", name, path, why).
		Hinted("name the program that does the work; or say i_accept_root_equivalent: true, and a grant of this command is one of this host")
}

func (c Config) checkEnv() (says string) {
	for k, v := range c.Env {
		if !envName.MatchString(k) || len(v) > maxWord || strings.ContainsRune(v, 0) {
			return "a name is letters, digits and underscore, a value at most 4096 bytes without NUL"
		}
		if strings.HasPrefix(k, "LD_") && !c.RootEquivalent {
			return k + " makes the program another one; say i_accept_root_equivalent: true if it must be"
		}
	}
	return ""
}

// ValidName reports whether a command may be called so; the name is part of a
// grant's target.
func ValidName(name string) bool {
	t, err := vigil.ParseTarget("service:" + name) // the alphabet of all targets
	return err == nil && t.Host == ""
}

// cleanPath reports whether p is absolute and says where it leads without
// detours.
func cleanPath(p string) bool {
	return filepath.IsAbs(p) && filepath.Clean(p) == p && !strings.ContainsAny(p, "\x00\n\r")
}
