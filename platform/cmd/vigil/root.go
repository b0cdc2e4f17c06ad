package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// cli is what every command shares: where to talk, where to print.
type cli struct {
	in       io.Reader
	out, err io.Writer
	format   string // table, json or yaml
	server   string // collector's URL
	file     string // configuration file
}

// usualServer is where a collector listens and is looked for unless told otherwise.
const usualServer = "http://127.0.0.1:8000"

// usageError marks an error of the command line itself: exit code 2.
type usageError struct{ error }

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, in io.Reader, out, err io.Writer) int {
	c := &cli{in: in, out: out, err: err}
	root := c.root() //nolint:contextcheck // cobra hands it to the command
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(err)
	failed := root.ExecuteContext(ctx)
	if failed == nil {
		return 0
	}
	if said, ok := errors.AsType[status](failed); ok {
		return int(said)
	}
	c.complain(failed)
	return exitCode(failed)
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "vigil",
		Short: "Watch hosts, decide in a sandbox, act behind guards, prove that it healed",
		Long: `Vigil watches hosts, decides inside a WebAssembly sandbox, acts behind guards,
proves that it healed, and can show why.

Start here:  vigil up                     everything in one process, with two demo services
             vigil demo burn backend      make one misbehave
             vigil remediation show       read what Vigil did about it`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: c.checkFormat,
		Args:              onlyCommands,
		RunE:              help,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	flags := root.PersistentFlags()
	flags.StringVarP(&c.format, "output", "o", "table", "print as this `format`: table, json or yaml")
	flags.StringVar(&c.server, "server", envOr("VIGIL_SERVER", usualServer), "collector's `URL` ($VIGIL_SERVER)")
	flags.StringVar(&c.file, "config", os.Getenv("VIGIL_CONFIG"), "configuration `file` ($VIGIL_CONFIG)")
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run:"},
		&cobra.Group{ID: "use", Title: "Use:"},
		&cobra.Group{ID: "look", Title: "Look:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, cmd := range cmds {
			cmd.GroupID = group
			root.AddCommand(cmd)
		}
	}
	add("run", c.up(), c.collector(), c.remediator(), c.demo())
	add("use", c.module(), c.policy(), c.grant(), c.remediation(), c.target(), c.breaker(), c.killswitch(), c.pause(), c.resume(), c.maintenance(), c.notify(), c.backup(), c.restore())
	add("look", c.status(), c.why(), c.query(), c.sql(), c.decision(), c.audit(), c.doctor(), c.config(), c.version())
	root.AddCommand(c.compile())
	sayUsage(root)
	return root
}

// sayUsage makes every command say what it takes when it is given too few or too
// many arguments.
func sayUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil && !cmd.HasSubCommands() {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{fmt.Errorf("%w; it is: %s", err, cmd.UseLine())}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		sayUsage(sub)
	}
}

// onlyCommands refuses a word that is no command of a group, and names the
// commands that it may have meant.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	err := fmt.Errorf("unknown command %q for %q; see %s --help", args[0], cmd.CommandPath(), cmd.CommandPath())
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("unknown command %q for %q; did you mean %s?", args[0], cmd.CommandPath(), strings.Join(near, " or "))
	}
	return usageError{err}
}

func (c *cli) checkFormat(*cobra.Command, []string) error {
	switch c.format {
	case "table", "json", "yaml":
		return nil
	}
	return usageError{fmt.Errorf("output %q: want table, json or yaml", c.format)}
}

// client talks to the collector named by --server.
func (c *cli) client() (*client.Client, error) {
	return client.New(c.server, client.Options{UserAgent: "vigil-cli/" + versionString(), Token: os.Getenv("VIGIL_TOKEN")})
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// complain prints what went wrong, why, and what to do next.
func (c *cli) complain(err error) {
	fmt.Fprintf(c.err, "vigil: %s\n", plainLines(err.Error()))
	var e *vigil.Error
	if errors.As(err, &e) && e.Hint != "" {
		fmt.Fprintf(c.err, "  try: %s\n", plainLines(e.Hint))
	}
}

// exitCode maps an error to the codes that scripts rely on.
func exitCode(err error) int {
	var usage usageError
	var e *vigil.Error
	switch {
	case errors.As(err, &usage), isCobraUsage(err):
		return 2
	case errors.Is(err, context.DeadlineExceeded):
		return 7
	case !errors.As(err, &e):
		return 1
	}
	switch e.Kind {
	case vigil.NotFound:
		return 3
	case vigil.Unauthorised:
		return 4
	case vigil.Conflict:
		return 5
	case vigil.Held:
		return 6
	case vigil.Timeout:
		return 7
	default:
		return 1
	}
}

// isCobraUsage recognises the errors that cobra makes itself.
func isCobraUsage(err error) bool {
	msg := err.Error()
	for _, prefix := range []string{"unknown command", "accepts ", "requires at least", "required flag"} {
		if strings.HasPrefix(msg, prefix) {
			return true
		}
	}
	return false
}
