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
	configure func(config uint32, doc []byte) error
	evaluate  func(b Batch, out *Decisions) (known bool)
	frame     frame
	out       Decisions
}

// NewGuest makes the bytes' side of p.
func NewGuest[S any](p Policy[S]) *Guest {
	all := new(settings[S])
	return &Guest{
		configure: all.configure,
		evaluate: func(b Batch, out *Decisions) (known bool) {
			var s *S
			if config := b.f.Config; uint64(config) < uint64(len(all.small)) {
				s = all.small[config]
			} else {
				s = all.large[config]
			}
			if s != nil {
				p.Evaluate(b, *s, out)
			}
			return s != nil
		},
	}
}

// Configure decodes and checks the settings of the policy config. Settings that
// are refused leave those before them in force.
func (g *Guest) Configure(config uint32, settings []byte) error {
	return g.configure(config, settings)
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
	if !g.frame.recognised() {
		return nil, &Fault{Errno: abi.ErrBadInput, Code: "series_unknown", Message: "a row names a series that no dictionary did"}
	}
	g.out.reset()
	if !g.evaluate(Batch{&g.frame}, &g.out) {
		return nil, &Fault{Errno: abi.ErrBadInput, Code: "config_unknown", Message: "the batch names a policy that was never configured"}
	}
	if g.out.over {
		return nil, tooMany()
	}
	return g.out.reply.Bytes(g.out.arena), nil
}

// recognised reports whether a dictionary named every series of the batch.
func (f *frame) recognised() bool {
	if len(f.Rows) == 0 {
		return true
	}
	for i := 0; ; {
		r := &f.Rows[i]
		if uint64(r.Ref) >= uint64(len(f.dict)) || f.dict[r.Ref].ID != r.ID {
			return false
		}
		if i++; i == len(f.Rows) {
			return true
		}
	}
}

// settings are those of everyone who uses a policy. The host counts its
// policies from small numbers, and these need no hashing.
type settings[S any] struct {
	small []*S // by config
	large map[uint32]*S
	count int
}

func (all *settings[S]) configure(config uint32, doc []byte) error {
	small := uint64(config) < uint64(len(all.small))
	known := small && all.small[config] != nil || all.large[config] != nil
	if !known && all.count == maxConfigs {
		return &Fault{Errno: abi.ErrOutOfMemory, Code: "config_limit", Message: "too many policies on one instance"}
	}
	s := new(S)
	if err := guest.DecodeSettings(doc, s); err != nil {
		return err
	}
	if !known {
		all.count++
	}
	if config >= maxConfigs {
		if all.large == nil {
			all.large = map[uint32]*S{}
		}
		all.large[config] = s
		return nil
	}
	if !small {
		all.small = append(all.small, make([]*S, int(config)+1-len(all.small))...)
	}
	all.small[config] = s
	return nil
}
