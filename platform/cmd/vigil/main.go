// Command vigil is all of Vigil in one binary: the daemons (up, collector,
// remediator) and the tool that talks to them.
//
// main is a shell: signals in, exit code out. Each command lives in the file of
// its name, does its work through the client or through app, and prints data to
// stdout and talk to stderr.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
