package wasm

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// oracle is a policy whose one decision is random in its value and has the
// clock's time.
func oracle(t testing.TB) []byte {
	t.Helper()
	one := append([]byte{1}, make([]byte, 55)...) // one decision, all zero
	return assembly{
		imports: [][]byte{asmImport(wasiModule, "random_get", 8), asmImport(wasiModule, "clock_time_get", 9)},
		called:  2,
		bodies: map[string][]byte{"vigil_eval": cat(
			[]byte{0x41}, sleb(2048+16), []byte{0x41, 6, 0x10, 0, 0x1a}, // random_get(value, 6); six bytes are never NaN
			[]byte{0x41, 0, 0x42, 0, 0x41}, sleb(2048+32), []byte{0x10, 1, 0x1a}, // clock_time_get(wall, 0, at)
			answer(2048, uint64(len(one))),
		)},
		sections: map[byte][]byte{11: vec(cat([]byte{0, 0x41}, sleb(2048), []byte{0x0b}, appendUint(nil, uint64(len(one))), one))},
	}.bytes(t)
}

// What a guest sees of clocks and chance is the evaluation's (A31): it cannot act
// at a time of its own choosing, or know one host from another.
func TestEval_TheSameQuestionMeetsTheSameClockAndRandomNumbers(t *testing.T) {
	t.Parallel()
	module := oracle(t)
	answerOf := func(p *Policy, now time.Time, seq uint64) flow.Judgement {
		t.Helper()
		got, err := p.Eval(t.Context(), flow.Ask{Now: now, Seq: seq, Runs: []flow.Run{{ID: 1}}})
		if err != nil || len(got) != 1 {
			t.Fatalf("Eval = %v, %v", got, err)
		}
		return got[0]
	}
	now := time.Unix(5000, 17)
	one, two := openPolicy(t, newEngine(t, Options{}), module), openPolicy(t, newEngine(t, Options{}), module)
	first := answerOf(one, now, 1)
	if !first.At.Equal(now) {
		t.Errorf("the guest's clock said %s, want the time of the evaluation %s", first.At, now)
	}
	answerOf(two, now.Add(time.Hour), 9) // another past must not matter
	if again := answerOf(two, now, 1); again.Value != first.Value || !again.At.Equal(first.At) {
		t.Errorf("same question: %+v and %+v", first, again)
	}
	if other := answerOf(one, now, 2); other.Value == first.Value {
		t.Error("another question drew the same random numbers")
	}
}

// FuzzHostFuncs calls every function that a guest may import with any
// arguments: each returns, or ends the guest's call with a coded error.
func FuzzHostFuncs(f *testing.F) {
	e, err := New(f.Context(), Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = e.Close(context.Background()) })
	p := openPolicy(f, e, assembly{}.bytes(f))
	host := hostFuncs()
	f.Add(uint8(0), uint64(0), uint64(0), uint64(1), uint64(64), uint64(0), []byte{1})
	f.Add(uint8(20), uint64(1), uint64(8), uint64(1), uint64(1<<32-1), uint64(9), []byte{255, 255, 0, 0, 255, 255, 255, 255})
	f.Add(uint8(44), uint64(0), uint64(65500), uint64(64), uint64(65535), uint64(1<<40), make([]byte, 96))
	f.Fuzz(func(t *testing.T, which uint8, a, b, c, d, g uint64, fill []byte) {
		fn := host[int(which)%len(host)]
		copy(p.inst.mem.view(0, 65536), fill)
		defer func() {
			r := recover()
			var coded *vigil.Error
			if err, ok := r.(error); r != nil && (!ok || !errors.As(err, &coded)) {
				t.Errorf("%s.%s: %v", fn.module, fn.name, r)
			}
		}()
		p.inst.world.log.take()
		p.inst.world.caller = silent{}
		p.inst.world.calls = 0
		stack := []uint64{a, b, c, d, g, a, b, c, d, g}
		fn.call(t.Context(), p.inst.world, p.inst.mem, stack)
	})
}

type silent struct{}

func (silent) Call(_ context.Context, _ string, req []byte) []byte { return req }
