package policy

import (
	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/internal/guest"
)

// Policy judges samples with settings of type S, a struct with json tags. If S
// has a method Validate() error, it is asked before any sample is judged.
type Policy[S any] interface {
	Evaluate(b Batch, s S, out *Decisions)
}

// Fault is why a guest refused a message; of settings, Path leads to the
// mistake. It unwraps to an abi.Errno.
type Fault = guest.Fault

// BadSetting is an error for Validate: what is wrong with the setting at path.
func BadSetting(path, message string) error {
	return &Fault{Errno: abi.ErrBadSettings, Code: "settings_invalid", Path: path, Message: message}
}

// maxConfigs bounds how many policies one instance serves.
const maxConfigs = 1 << 16

// Guest is the bytes' side of a policy: what the exports of a module call, and
// what policytest calls without a sandbox. It is not safe for concurrent use.
type Guest struct {
	judge judge
	frame frame
	out   Decisions
	reply []byte
}

// judge is a policy without its type parameter.
type judge interface {
	configure(config uint32, doc []byte) error
	evaluate(b Batch, out *Decisions) error
}

// NewGuest makes the bytes' side of p.
func NewGuest[S any](p Policy[S]) *Guest {
	return &Guest{judge: &bound[S]{policy: p, settings: map[uint32]S{}}}
}

// Configure decodes and checks the settings of the policy config. Settings that
// are refused leave those before them in force.
func (g *Guest) Configure(config uint32, settings []byte) error {
	return g.judge.configure(config, settings)
}

// Series learns the series of a dictionary message.
func (g *Guest) Series(b []byte) error {
	entries, err := abi.ReadDictionary(b)
	if err != nil {
		return err
	}
	for _, s := range entries {
		if s.Ref >= abi.MaxSeries {
			return &Fault{Errno: abi.ErrBadInput, Code: "series_limit", Message: "dict_ref over the limit"}
		}
		if n := int(s.Ref) + 1 - len(g.frame.dict); n > 0 {
			g.frame.dict = append(g.frame.dict, make([]abi.Series, n)...)
		}
		g.frame.dict[s.Ref] = s
	}
	return nil
}

// Eval judges a batch. The reply is valid until the next call.
func (g *Guest) Eval(b []byte) ([]byte, error) {
	if err := g.frame.Read(b); err != nil {
		return nil, err
	}
	if err := g.recognise(); err != nil {
		return nil, err
	}
	g.out.reset()
	if err := g.judge.evaluate(Batch{&g.frame}, &g.out); err != nil {
		return nil, err
	}
	if g.out.over {
		return nil, tooMany()
	}
	g.reply = abi.AppendReply(g.reply[:0], g.out.records, g.out.arena)
	return g.reply, nil
}

// recognise checks that a dictionary named every series of the batch.
func (g *Guest) recognise() error {
	for i := range g.frame.Rows {
		r := &g.frame.Rows[i]
		if uint64(r.Ref) >= uint64(len(g.frame.dict)) || g.frame.dict[r.Ref].ID != r.ID {
			return &Fault{Errno: abi.ErrBadInput, Code: "series_unknown", Message: "a row names a series that no dictionary did"}
		}
	}
	return nil
}

// bound is a policy with the settings of everyone who uses it.
type bound[S any] struct {
	policy   Policy[S]
	settings map[uint32]S
}

func (b *bound[S]) configure(config uint32, doc []byte) error {
	if _, known := b.settings[config]; !known && len(b.settings) == maxConfigs {
		return &Fault{Errno: abi.ErrOutOfMemory, Code: "config_limit", Message: "too many policies on one instance"}
	}
	s := new(S)
	if err := guest.DecodeSettings(doc, s); err != nil {
		return err
	}
	b.settings[config] = *s
	return nil
}

func (b *bound[S]) evaluate(batch Batch, out *Decisions) error {
	s, known := b.settings[batch.Config()]
	if !known {
		return &Fault{Errno: abi.ErrBadInput, Code: "config_unknown", Message: "the batch names a policy that was never configured"}
	}
	b.policy.Evaluate(batch, s, out)
	return nil
}
