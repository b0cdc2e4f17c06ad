package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/agent"
	"github.com/techmedaddy/vigil/agent/probe"
)

// options is what the command line says.
type options struct {
	version bool
	config  agent.Config
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var services services
	host, _ := os.Hostname() // without one, --host is asked for
	f := flag.NewFlagSet("vigil-agent", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.config.Collector, "collector", "http://127.0.0.1:8000", "base `URL` of the collector")
	f.DurationVar(&o.config.Interval, "interval", time.Second, "time between measurements")
	f.StringVar(&o.config.Host, "host", host, "`name` of this host")
	f.StringVar(&o.config.Spool, "spool", defaultSpool(), "`directory` for samples that could not be sent")
	f.Var(&services, "service", "watch a service, as `NAME=PIDFILE`; may be repeated")
	f.BoolVar(&o.version, "version", false, "print the version and exit")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		err := fmt.Errorf("unexpected argument %q", f.Arg(0))
		fmt.Fprintln(stderr, err)
		return o, err
	}
	// A token in argv would be seen by every user of the host.
	o.config.Token = os.Getenv("VIGIL_TOKEN")
	o.config.Services = services.look
	return o, nil
}

// defaultSpool is below the service manager's state directory, the user's, or
// the directory for temporary files, whichever there is.
func defaultSpool() string {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return filepath.Join(dir, "spool")
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "vigil-agent")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "vigil-agent")
	}
	return filepath.Join(os.TempDir(), "vigil-agent-"+strconv.Itoa(os.Getuid()))
}

// service is a name and the file that holds its pid.
type service struct{ name, pidfile string }

// services is the value of --service.
type services []service

// String is what flag prints as the default.
func (s *services) String() string { return "" }

// Set adds one NAME=PIDFILE.
func (s *services) Set(v string) error {
	name, pidfile, ok := strings.Cut(v, "=")
	if !ok || name == "" || pidfile == "" {
		return fmt.Errorf("want NAME=PIDFILE, for example web=/run/web.pid")
	}
	*s = append(*s, service{name, pidfile})
	return nil
}

// look reads every pid anew: a restart changes it.
func (s *services) look() []probe.Service {
	found := make([]probe.Service, 0, len(*s))
	for _, one := range *s {
		found = append(found, probe.Service{Name: one.name, PID: readPID(one.pidfile)})
	}
	return found
}

// readPID returns 0 when there is no pid to be had: the service is down.
func readPID(path string) int {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid < 1 {
		return 0
	}
	return pid
}
