package command

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability/program"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Options are what Commands need beside the configuration.
type Options struct {
	Secrets func() []string // further values that no output may hold; may be nil
	Now     func() time.Time
}

// Commands are the commands that this host's modules may be granted.
type Commands struct {
	byName map[string]*command // never changed
	o      Options
}

// command is one configured command.
type command struct {
	name string
	c    Config
	line line
	turn chan struct{} // one token; whoever holds it may run the command
}

// New checks every configuration. It runs nothing.
func New(configs map[string]Config, o Options) (*Commands, error) {
	all := &Commands{byName: make(map[string]*command, len(configs)), o: o}
	for name, c := range configs {
		l, err := c.compile(name)
		if err != nil {
			return nil, err
		}
		all.byName[name] = &command{name: name, c: c.withDefaults(), line: l, turn: make(chan struct{}, 1)}
	}
	return all, nil
}

func (s *Commands) named(name string) (*command, error) {
	if c, ok := s.byName[name]; ok {
		return c, nil
	}
	known := strings.Join(slices.Sorted(maps.Keys(s.byName)), ", ")
	if known == "" {
		known = "none"
	}
	return nil, vigil.Errorf(vigil.NotFound, "command_unknown", "no command %q; have: %s", name, known)
}

// Run runs one command to its end and returns what it said, whatever its exit
// code. may is asked when the command's turn has come and its program is open
// and checked, right before it starts; its error keeps it from starting. A dry
// run ends there, without it. Of a command that was killed the reply is what it
// said until then.
func (s *Commands) Run(ctx context.Context, ask vigil.CommandRequest, may ...func() error) (vigil.CommandReply, error) {
	c, err := s.named(ask.Command)
	if err != nil {
		return vigil.CommandReply{}, err
	}
	argv, err := c.line.fill(c.name, ask.Args)
	if err != nil {
		return vigil.CommandReply{}, err
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return vigil.CommandReply{}, vigil.Errorf(vigil.Busy, "command_busy", "command %s: another run of it is under way", c.name)
	}
	p, digest, err := c.open()
	if err != nil {
		return vigil.CommandReply{}, err
	}
	defer p.Close()
	if ask.DryRun {
		return vigil.CommandReply{Digest: digest, DryRun: true}, nil
	}
	for _, asked := range may {
		if err := asked(); err != nil {
			return vigil.CommandReply{}, err
		}
	}
	within, cancel := context.WithTimeout(ctx, c.c.Timeout.D())
	defer cancel()
	out := &output{}
	begun := s.o.Now()
	reply, err := c.run(within, p, argv, out)
	reply.Took, reply.Digest = vigil.Duration(s.o.Now().Sub(begun)), digest
	reply.Output, reply.Cut = out.text(s.secrets(c))
	switch {
	case within.Err() != nil:
		return reply, vigil.Errorf(vigil.Timeout, "command_timeout", "command %s: killed, it had not ended within %s", c.name, reply.Took)
	case err != nil:
		return reply, vigil.Errorf(vigil.Internal, "command_failed", "command %s: %.200v", c.name, err)
	}
	return reply, nil
}

// open opens the command's program and looks once more at what it is: a link
// may lead elsewhere than when the configuration was read.
func (c *command) open() (*program.Program, string, error) {
	p, err := program.Open(c.c.Argv[0])
	if err != nil {
		return nil, "", err
	}
	digest, err := c.admit(p)
	if err != nil {
		_ = p.Close() // only read
		return nil, "", err
	}
	return p, digest, nil
}

func (c *command) admit(p *program.Program) (digest string, err error) {
	if !c.c.RootEquivalent {
		if err := c.plain(p); err != nil {
			return "", err
		}
	}
	if digest, err = p.Digest(); err != nil {
		return "", fmt.Errorf("take the digest of command %s: %w", c.name, err)
	}
	return digest, nil
}

// plain says what makes the program more than one that does one thing, nil if
// nothing is known.
func (c *command) plain(p *program.Program) error {
	if what := p.Interpreter(); what != "" {
		return rootEquivalent(c.name, c.c.Argv[0], what+" runs what its arguments say")
	}
	script, err := p.Script()
	if err != nil {
		return err
	}
	if script {
		return rootEquivalent(c.name, c.c.Argv[0], "it is a script, and its interpreter another program")
	}
	machine, err := p.Machine()
	if err == nil && !machine {
		return rootEquivalent(c.name, c.c.Argv[0], "it is no machine code, and what this host runs it by another program")
	}
	return err
}

// secrets are the values that the command's output must not hold.
func (s *Commands) secrets(c *command) []string {
	all := slices.Collect(maps.Values(c.c.Env))
	if s.o.Secrets != nil {
		all = append(all, s.o.Secrets()...)
	}
	return all
}
