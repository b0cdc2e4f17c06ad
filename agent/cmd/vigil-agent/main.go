// Command vigil-agent measures this host and the services it is told of, and
// sends the samples to a Vigil collector.
//
//	vigil-agent --collector http://10.0.0.5:8000 --service web=/run/web.pid
//
// What cannot be sent is kept in the spool directory and sent later. The agent
// runs nothing and listens nowhere; healing is a remediator's work.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/techmedaddy/vigil/agent"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program; it returns the exit code: 0, 1 for a failure, 2 for
// wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2 // flag has told it
	}
	if o.version {
		fmt.Fprintln(stdout, "vigil-agent", version())
		return 0
	}
	staySmall()
	log := slog.New(slog.NewTextHandler(stderr, nil))
	o.config.Log = log
	log.InfoContext(ctx, "agent started", "component", "agent", "host", o.config.Host, "addr", o.config.Collector)
	if err := agent.Run(ctx, o.config); err != nil {
		tell(stderr, err)
		return 1
	}
	return 0
}

func tell(stderr io.Writer, err error) {
	fmt.Fprintln(stderr, "vigil-agent:", err)
	if e := vigil.AsError(err); e.Hint != "" {
		fmt.Fprintln(stderr, e.Hint)
	}
}

// staySmall trades a little CPU for memory: the agent does next to nothing
// once a second, on hosts that have better uses for both.
func staySmall() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(25)
	debug.SetMemoryLimit(12 << 20)
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	return info.Main.Version
}
