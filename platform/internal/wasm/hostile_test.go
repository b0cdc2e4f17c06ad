package wasm

import (
	"context"
	"errors"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func newEngine(t testing.TB, o Options) *Engine {
	t.Helper()
	if o.Deadline == 0 {
		o.Deadline = time.Minute // a busy machine must not fail what is not about time
	}
	e, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

func openPolicy(t testing.TB, e *Engine, module []byte) *Policy {
	t.Helper()
	p, err := e.OpenPolicy(t.Context(), digestOf(module), func() ([]byte, error) { return module, nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	return p
}

func ask(values ...float64) flow.Ask {
	a := flow.Ask{Now: time.Unix(1000, 0), Values: values}
	for i := range values {
		a.Times = append(a.Times, time.Unix(int64(900+i), 0).UnixNano())
	}
	a.Runs = []flow.Run{{ID: 7, Meta: vigil.Series{Name: "cpu_usage"}, Count: uint32(len(values))}}
	return a
}

func TestCheck_AcceptsASmallModuleOfEachKind(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Options{})
	for _, kind := range []vigil.ModuleKind{vigil.PolicyModule, vigil.ActionModule} {
		m, err := e.Check(t.Context(), assembly{kind: kind}.bytes(t))
		if err != nil || m.Kind != kind || m.Name != "asm" {
			t.Errorf("Check(%s) = %+v, %v", kind, m, err)
		}
	}
}

func TestCheck_RefusesWhatTheABIDoesNotSay(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Options{MemoryPages: 16})
	for name, c := range map[string]struct {
		a    assembly
		code string
	}{
		"missing export":        {assembly{omit: "vigil_eval"}, "module_export"},
		"missing memory export": {assembly{sections: map[byte][]byte{7: vec(cat(asmName("vigil_abi_v1"), []byte{0, 0}))}}, "module_export"},
		"export signature":      {assembly{sections: map[byte][]byte{7: vec(cat(asmName("memory"), []byte{2, 0}), cat(asmName("vigil_abi_v1"), []byte{0, 1}))}}, "module_export"},
		"unknown export":        {assembly{sections: map[byte][]byte{7: vec(cat(asmName("memory"), []byte{2, 0}), cat(asmName("vigil_abi_v9"), []byte{0, 0}))}}, "module_export"},
		"export out of range":   {assembly{sections: map[byte][]byte{7: vec(cat(asmName("memory"), []byte{2, 0}), cat(asmName("vigil_abi_v1"), []byte{0, 99}))}}, "module_export"},
		"program":               {assembly{sections: map[byte][]byte{7: vec(cat(asmName("_start"), []byte{0, 0}))}}, "module_export"},
		"foreign import":        {assembly{imports: [][]byte{asmImport("env", "system", 0)}, called: 1}, "module_import"},
		"import signature":      {assembly{imports: [][]byte{asmImport("vigil_v1", "call", 4)}, called: 1}, "module_import"},
		"imported memory":       {assembly{imports: [][]byte{cat(asmName("env"), asmName("memory"), []byte{2, 0, 1})}}, "module_import"},
		"too much memory":       {assembly{pages: 65536}, "module_memory_limit"},
		"two memories":          {assembly{sections: map[byte][]byte{5: {2, 0, 1, 0, 1}}}, "module_memory_limit"},
		"no manifest":           {assembly{noManifest: true}, "module_manifest"},
		"two manifests":         {assembly{extra: asmCustom(vigil.ManifestSection, "{}")}, "module_manifest"},
		"bad manifest":          {assembly{noManifest: true, extra: asmCustom(vigil.ManifestSection, `{"schema":1,"power":9000}`)}, "module_manifest"},
		"body does not check":   {assembly{bodies: map[string][]byte{"vigil_eval": {0x0b}}}, "module_invalid"},
		"vector instruction":    {assembly{bodies: map[string][]byte{"vigil_abi_v1": {0xfd, 0x0c, 0x0b}}}, "module_opcode"},
		"bodies missing":        {assembly{sections: map[byte][]byte{10: vec()}}, "module_malformed"},
		"buffer outside":        {assembly{bodies: map[string][]byte{"vigil_buffer": cat([]byte{0x41}, sleb(1<<30), []byte{0x0b})}}, "guest_bad_pointer"},
		"buffer not aligned":    {assembly{bodies: map[string][]byte{"vigil_buffer": cat([]byte{0x41}, sleb(1025), []byte{0x0b})}}, "guest_bad_pointer"},
		"buffer traps":          {assembly{bodies: map[string][]byte{"vigil_buffer": {0x00, 0x0b}}}, "guest_trap"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := e.Check(t.Context(), c.a.bytes(t)); vigil.CodeOf(err) != c.code || vigil.KindOf(err) != vigil.Invalid {
				t.Errorf("Check = %v (%s), want code %s", err, vigil.CodeOf(err), c.code)
			}
		})
	}
}

func TestCheck_SurvivesTheImportBomb(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Options{})
	if _, err := e.Check(t.Context(), cat(wasmHeader, asmSection(2, huge()))); vigil.CodeOf(err) != "module_import_limit" {
		t.Errorf("Check = %v", err)
	}
}

// recursive is the body of vigil_eval that calls itself.
var recursive = []byte{0x20, 0, 0x20, 1, 0x10, 5, 0x0b}

// endless is a body whose loop never ends.
var endless = []byte{0x03, 0x40, 0x0c, 0x00, 0x0b, 0x00, 0x0b}

// logging calls the first import, log, with a pointer and a length.
func logging(ptr, size int64) []byte {
	return cat([]byte{0x41, 0, 0x41}, sleb(ptr), []byte{0x41}, sleb(size), []byte{0x10, 0}, answer(0, 8))
}

// growing asks for memory until there is none, and gives up as a C guest does.
var growing = []byte{0x03, 0x40, 0x41, 1, 0x40, 0, 0x41, 0x7f, 0x47, 0x0d, 0, 0x0b, 0x00, 0x0b}

// calling calls the first import with these numbers, and drops what it answers.
func calling(answers bool, args ...int64) (code []byte) {
	for _, v := range args {
		code = cat(code, []byte{0x41}, sleb(v))
	}
	if code = append(code, 0x10, 0); answers {
		code = append(code, 0x1a)
	}
	return code
}

// always does something for ever.
func always(code []byte) []byte {
	return cat([]byte{0x03, 0x40}, code, []byte{0x0c, 0, 0x0b, 0x00, 0x0b})
}

// TestEval_StopsAHostileGuestWithItsCode holds the rows of the table of attacks
// that are about a guest at work: each ends its own call, with its code, within
// 50 ms, while another policy decides, without a long pause of the collector,
// and leaves no memory behind.
func TestEval_StopsAHostileGuestWithItsCode(t *testing.T) { //nolint:paralleltest // it measures time and the process
	logImport := [][]byte{asmImport("vigil_v1", "log", 5)}
	reply := func(data ...byte) map[byte][]byte {
		return map[byte][]byte{11: vec(cat([]byte{0, 0x41}, sleb(2048), []byte{0x0b}, appendUint(nil, uint64(len(data))), data))}
	}
	foreign := append([]byte{1, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 48)...)
	foreign[8], foreign[12] = 9, 1 // the tenth series of a batch of one, fires
	before := resident(t)
	for name, c := range map[string]struct {
		a    assembly
		eval []byte
		code string
	}{
		"A22 loops for ever":               {assembly{}, endless, "guest_fuel"},
		"A22 traps":                        {assembly{}, []byte{0x00, 0x0b}, "guest_trap"},
		"A22 divides by zero":              {assembly{}, []byte{0x42, 1, 0x42, 0, 0x7f, 0x0b}, "guest_trap"},
		"A23 calls itself":                 {assembly{}, recursive, "guest_stack"},
		"A23 calls another that calls it":  {assembly{more: [][]byte{asmBody(nil, []byte{0x41, 0, 0x41, 0, 0x10, 5, 0x1a, 0x0b})}}, []byte{0x10, 6, 0x42, 0, 0x0b}, "guest_stack"},
		"A24 grows for ever":               {assembly{}, hungry, "guest_fuel"},
		"A24 grows until there is none":    {assembly{}, growing, "guest_memory"},
		"A24 grows and fills its memory":   {assembly{}, filling, "guest_memory"},
		"A24 says it is out of memory":     {assembly{}, cat([]byte{0x42}, sleb(-5), []byte{0x0b}), "guest_memory"},
		"A25 loads outside memory":         {assembly{}, []byte{0x41, 0x7f, 0x29, 0, 0, 0x0b}, "guest_trap"},
		"A25 answers outside memory":       {assembly{}, answer(0x7fff0000, 1<<16), "guest_bad_pointer"},
		"A25 answers a length that wraps":  {assembly{}, answer(0x7fffffff, 1<<32-1), "guest_bad_pointer"},
		"A25 answers too little":           {assembly{}, answer(0, 7), "guest_bad_reply"},
		"A25 answers too many decisions":   {assembly{sections: reply(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)}, answer(2048, 8), "guest_bad_reply"},
		"A25 logs from outside memory":     {assembly{imports: logImport, called: 1}, logging(-1, 16), "guest_bad_pointer"},
		"A25 logs four gigabytes":          {assembly{imports: logImport, called: 1}, logging(65535, -1), "guest_bad_pointer"},
		"A25 logs past the end":            {assembly{imports: logImport, called: 1}, logging(65530, 16), "guest_bad_pointer"},
		"A27 logs for ever":                {assembly{imports: logImport, called: 1}, always(calling(false, 4, 0, 1000)), "guest_fuel"},
		"A27 prints for ever":              {assembly{imports: [][]byte{asmImport(wasiModule, "fd_write", 7)}, called: 1, sections: reply(0, 0, 0, 0, 0, 0, 1, 0)}, always(calling(true, 1, 2048, 1, 4096)), "guest_fuel"},
		"A27 draws numbers for ever":       {assembly{imports: [][]byte{asmImport(wasiModule, "random_get", 8)}, called: 1}, always(calling(true, 0, 65536)), "guest_fuel"},
		"A32 fires for a series of others": {assembly{sections: reply(foreign...)}, answer(2048, 56), "target_out_of_scope"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, Options{MemoryPages: 80, Strikes: 1 << 30, PolicyFuel: defaultPolicyFuel})
			c.a.bodies = map[string][]byte{"vigil_eval": c.eval}
			module := c.a.bytes(t)
			p := openPolicy(t, e, module)
			_, err := p.Eval(t.Context(), ask(1))
			if vigil.CodeOf(err) != c.code || vigil.KindOf(err) != vigil.Invalid {
				t.Fatalf("Eval = %v (%s), want code %s", err, vigil.CodeOf(err), c.code)
			}
			if _, err := p.Eval(t.Context(), ask(1)); vigil.CodeOf(err) != "guest_closed" {
				t.Errorf("the call after = %v, want guest_closed", err)
			}
			within := stopWithin
			if strings.HasPrefix(name, "A27") { // the host works most of the time, perhaps under the race detector
				within *= slowdown
			}
			stopsAtOnce(t, e, module, within)
			if err := openPolicy(t, e, module).Configure(t.Context(), 1, nil); err != nil {
				t.Errorf("a new instance does not work: %v", err)
			}
		})
	}
	debug.FreeOSMemory()
	if more := resident(t) - before; more > slowdown*64<<20 {
		t.Errorf("%d MiB more than before", more>>20)
	}
}

// keeper keeps what it was asked, as a host must not have to.
type keeper struct{ asked [][]byte }

func (k *keeper) Call(_ context.Context, op string, req []byte) []byte {
	k.asked = append(k.asked, []byte(op), req)
	return []byte(`{"ok":true}`)
}

// TestRunAction_AnswersWhatWasAskedWhateverTheGuestWritesLater is row A26: what
// the host has checked is its own copy.
func TestRunAction_AnswersWhatWasAskedWhateverTheGuestWritesLater(t *testing.T) {
	t.Parallel()
	const text = `fact{"ok":true}{"ok":true}`
	module := assembly{
		kind: vigil.ActionModule, imports: [][]byte{asmImport("vigil_v1", "call", 6)}, called: 1,
		bodies: map[string][]byte{"vigil_run": cat(
			calling(true, 2048, 4, 2052, 11),                                   // operation fact, request {"ok":true}
			[]byte{0x41}, sleb(2048), []byte{0x41, 1, 0x41, 15, 0xfc, 0x0b, 0}, // memory.fill over both
			calling(true, 2048, 4, 2052, 11),
			answer(2063, 11),
		)},
		sections: map[byte][]byte{11: vec(cat([]byte{0, 0x41}, sleb(2048), []byte{0x0b}, appendUint(nil, uint64(len(text))), []byte(text)))},
	}.bytes(t)
	host := &keeper{}
	out, _, err := newEngine(t, Options{}).RunAction(t.Context(), digestOf(module), func() ([]byte, error) { return module, nil }, vigil.ActionInput{}, host)
	if err != nil || !out.OK || len(host.asked) != 4 || string(host.asked[0])+string(host.asked[1]) != text[:15] {
		t.Errorf("run = %+v, %v, asked %q", out, err, host.asked)
	}
}

func TestEval_TakesARefusalAsAnAnswer(t *testing.T) {
	t.Parallel()
	p := openPolicy(t, newEngine(t, Options{}), assembly{bodies: map[string][]byte{"vigil_eval": cat([]byte{0x42}, sleb(-99), []byte{0x0b})}}.bytes(t))
	for range 2 { // the instance lives on
		if _, err := p.Eval(t.Context(), ask(1)); vigil.CodeOf(err) != "guest_refused" {
			t.Errorf("Eval = %v", err)
		}
	}
}

func TestEval_ReadsDecisionsAndBoundsThem(t *testing.T) {
	t.Parallel()
	inf := []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x7f}
	row := cat([]byte{0, 0, 0, 0, 1, 3, 0xff, 0xff}, inf, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}, // value +Inf, score NaN
		[]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, // at: the end of time
		[]byte{56, 0, 0, 0, 3, 0, 0, 0}, make([]byte, 8))
	data := cat([]byte{1, 0, 0, 0, 0, 0, 0, 0}, row, []byte("h\xffi"))
	a := assembly{
		bodies:   map[string][]byte{"vigil_eval": answer(2048, uint64(len(data)))},
		sections: map[byte][]byte{11: vec(cat([]byte{0, 0x41}, sleb(2048), []byte{0x0b}, appendUint(nil, uint64(len(data))), data))},
	}
	p := openPolicy(t, newEngine(t, Options{}), a.bytes(t))
	asked := ask(1, 2)
	got, err := p.Eval(t.Context(), asked)
	if err != nil || len(got) != 1 {
		t.Fatalf("Eval = %v, %v", got, err)
	}
	j := got[0]
	if j.Verdict != vigil.VerdictFire || j.Value != 1.7976931348623157e308 || j.Score != 0 || j.Runbook != 0xffff || j.Severity != 3 {
		t.Errorf("judgement %+v", j)
	}
	if want := time.Unix(901, 0); !j.At.Equal(want) {
		t.Errorf("At = %s, want the newest sample's time %s", j.At, want)
	}
	if j.Message != "h\uFFFDi" {
		t.Errorf("Message = %q", j.Message)
	}
}

func TestEval_AsCancelledByItsCallerIsNoFaultOfTheGuest(t *testing.T) {
	t.Parallel()
	p := openPolicy(t, newEngine(t, Options{PolicyFuel: forever}), assembly{bodies: map[string][]byte{"vigil_eval": endless}}.bytes(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	go cancel() // the guest loops until this lands
	if _, err := p.Eval(ctx, ask(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Eval = %v, want context.Canceled", err)
	}
}

func TestEngine_ForgetsTheLeastRecentlyUsedOfIdleModules(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Options{})
	numbered := func(n int) []byte { return assembly{extra: asmCustom("n", strconv.Itoa(n))}.bytes(t) }
	used := openPolicy(t, e, numbered(0))
	for n := range 3 * maxIdle {
		if _, err := e.Check(t.Context(), numbered(n)); err != nil {
			t.Fatal(err)
		}
	}
	e.mu.Lock()
	held, spares := len(e.guests), 0
	for _, g := range e.guests {
		if g.spare != nil {
			spares++
		}
	}
	newest := e.guests[digestOf(numbered(3*maxIdle-1))]
	e.mu.Unlock()
	if held != maxIdle+1 || newest == nil || spares > 0 {
		t.Errorf("%d modules are held, %d spare instances, the newest: %v", held, spares, newest != nil)
	}
	if _, err := used.Eval(t.Context(), ask(1)); err != nil {
		t.Errorf("a module in use was forgotten: %v", err)
	}
}
