package binary

import (
	"runtime"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Shape is what the checker learnt of a module: enough to hold its imports and
// exports against the ABI, and the code that may be compiled.
type Shape struct {
	Types     []Signature
	Imports   []Import
	Functions []int // type index of each function, imported ones first
	Exports   []Export
	Pages     int    // of memory at the start
	Manifest  []byte // nil if there is none
	Facts     Facts
	Code      []byte // the metered module, without custom sections
}

// Signature is a function type, parameters and results as value type bytes.
type Signature struct{ Params, Results string }

// Import is a function that the module wants from the host.
type Import struct {
	Module, Name string
	Type, Offset int
}

// Export is what the module offers to the host.
type Export struct {
	Name          string
	Kind          byte // 0 function, 1 table, 2 memory, 3 global
	Index, Offset int
}

// Facts are the counts of a module as it was uploaded.
type Facts struct {
	Size         int // bytes of the whole module
	Functions    int // with a body
	Instructions int
	Loops        int
	LargestBody  int // bytes
	MostLocals   int // of a function, parameters included
	MostLoops    int // of a function
	MostJumps    int // of a function: blocks and branches
	TableEntries int // at the start
	DataBytes    int
	Metered      int // bytes of the code that is compiled
}

// Inspect checks an untrusted module in one walk and meters its code. It
// trusts nothing and allocates by what is there, not by what is claimed. Its
// errors are Invalid, or TooLarge, and name section, offset, what was found
// and the limit.
func Inspect(module []byte) (*Shape, error) { return inspect(module, defectsOf(runtime.GOARCH)) }

func inspect(module []byte, d defects) (*Shape, error) {
	file, err := begin(module)
	if err != nil {
		return nil, err
	}
	w := &walk{Shape: &Shape{Facts: Facts{Size: len(module)}}, announced: -1, defects: d}
	if err := w.sections(file); err != nil {
		return nil, err
	}
	if err := w.complete(len(module)); err != nil {
		return nil, err
	}
	w.Code = w.assemble()
	w.Facts.Metered = len(w.Code)
	return w.Shape, nil
}

// Rewrite returns the metered code of a module, and its facts.
func Rewrite(module []byte) ([]byte, Facts, error) {
	s, err := Inspect(module)
	if err != nil {
		return nil, Facts{}, err
	}
	return s.Code, s.Facts, nil
}

const header = "\x00asm\x01\x00\x00\x00"

// walk is the state of one Inspect.
type walk struct {
	*Shape
	memories  int
	tables    int
	globals   int
	bodies    int
	elements  int // segments
	segments  int // of data
	announced int // segments of data by the data count section; -1 without one
	customs   int
	skim      bool           // only custom sections are looked at
	work      int            // of the compiler: the squares of the jumps of each function
	extra     []Signature    // types that metering adds
	wrappers  map[string]int // among extra, by results
	out       [lastRank + 1]written

	defects     defects // to work around
	globalTypes []byte
	values      values // of the body that is read
}

// written is a section of the metered module. All of them are a count and
// items; the data count section has no items.
type written struct {
	id    byte
	count int
	items []byte
}

const lastRank = 11

// rankOf is the order in which sections may come, and their names; data count
// (12) stands before code (10). Start (8) and tag (13) have no rank and are
// refused.
func rankOf(id byte) (rank int, name string) {
	switch {
	case id >= 1 && id <= 7:
		return int(id), [...]string{"", "type", "import", "function", "table", "memory", "global", "export"}[id]
	case id == 9:
		return 8, "element"
	case id == 12:
		return 9, "datacount"
	case id == 10:
		return 10, "code"
	case id == 11:
		return lastRank, "data"
	case id == 8:
		return 0, "start"
	case id == 13:
		return 0, "tag"
	}
	return 0, "unknown"
}

func (w *walk) sections(file *cursor) error {
	for last := 0; !file.done(); {
		start := file.i
		id := file.byte()
		size := file.uint()
		body := &cursor{base: file.i}
		body.b = file.take(size)
		if file.err != nil {
			return file.err
		}
		if id == 0 {
			if err := w.custom(body, start); err != nil {
				return err
			}
			continue
		}
		if w.skim {
			continue
		}
		rank, name := rankOf(id)
		if rank == 0 {
			return Refuse("module_section", name, start, "%s section is not allowed", name).With("found", int(id))
		}
		if rank <= last {
			return Refuse("module_malformed", name, start, "%s section is out of order or stands twice", name)
		}
		last, body.section = rank, name
		if err := w.section(id, rank, body); err != nil {
			return err
		}
	}
	return nil
}

// section walks one section and keeps what shall be written of it.
func (w *walk) section(id byte, rank int, c *cursor) error {
	out := &w.out[rank]
	out.id = id
	switch id {
	case 1:
		w.typeSection(c, out)
	case 2:
		w.importSection(c, out)
	case 3:
		w.functionSection(c, out)
	case 4:
		w.tableSection(c, out)
	case 5:
		w.memorySection(c, out)
	case 6:
		w.globalSection(c, out)
	case 7:
		w.exportSection(c, out)
	case 9:
		w.elementSection(c, out)
	case 10:
		w.codeSection(c, out)
	case 11:
		w.dataSection(c, out)
	case 12:
		if out.count = c.uint(); out.count > maxSegments {
			c.over("module_data_limit", "segments are announced", out.count, maxSegments)
		}
		w.announced = out.count
	}
	if c.err == nil && c.left() > 0 {
		c.fail("module_malformed", "%s section has %d bytes too many", c.section, c.left())
	}
	if c.err != nil {
		return c.err
	}
	return nil
}

// custom keeps the manifest and drops all else: names and debug information
// are of no use here, and each is one more parser of hostile bytes.
func (w *walk) custom(c *cursor, start int) error {
	c.section = "custom"
	if w.customs++; w.customs > maxCustom {
		return Refuse("module_custom_limit", "custom", start, "more than %d custom sections", maxCustom).With("found", w.customs).With("limit", maxCustom)
	}
	name := c.name()
	if c.err != nil {
		return c.err
	}
	if name != vigil.ManifestSection {
		return nil
	}
	if w.Manifest != nil {
		return Refuse("module_manifest", "custom", c.base, "two sections are called %s", name)
	}
	if n := c.left(); n > maxManifest {
		return Refuse("module_manifest", "custom", c.base, "manifest has %d bytes, the limit is %d", n, maxManifest).With("found", n).With("limit", maxManifest)
	}
	w.Manifest = c.take(c.left())
	return nil
}

// complete checks what only the whole module can say.
func (w *walk) complete(end int) error {
	if own := len(w.Functions) - len(w.Imports); own != w.bodies {
		return Refuse("module_malformed", "code", end, "%d functions are declared and %d have a body", own, w.bodies).With("found", w.bodies).With("limit", own)
	}
	if w.memories != 1 {
		return Refuse("module_memory", "memory", end, "module has %d memories of its own, want one", w.memories).With("found", w.memories).With("limit", 1)
	}
	if w.announced >= 0 && w.announced != w.segments {
		return Refuse("module_malformed", "datacount", end, "%d segments of data are announced and there are %d", w.announced, w.segments).With("found", w.segments).With("limit", w.announced)
	}
	return nil
}
