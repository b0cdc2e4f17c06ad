package wasm

import (
	"bytes"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// shape is what the checker learnt of a module: enough to hold its imports and
// exports against the ABI, and the bytes that may be compiled.
type shape struct {
	types     []signature
	imports   []imported
	functions []int // type index of each function, imported ones first
	exports   []exported
	memories  int
	pages     int // of memory at the start
	bodies    int
	manifest  []byte
	code      []byte // the module without custom sections, table maximum forced
}

// signature is a function type, parameters and results as value type bytes.
type signature struct{ params, results string }

type imported struct {
	module, name string
	typ, offset  int
}

type exported struct {
	name          string
	kind          byte // 0 function, 1 table, 2 memory, 3 global
	index, offset int
}

// sectionRank is the order in which sections may come; data count (12) stands
// before code (10). Start (8) and tag (13) have no rank and are refused.
var sectionRank = map[byte]struct {
	rank int
	name string
}{
	1: {1, "type"}, 2: {2, "import"}, 3: {3, "function"}, 4: {4, "table"}, 5: {5, "memory"}, 6: {6, "global"},
	7: {7, "export"}, 9: {8, "element"}, 12: {9, "datacount"}, 10: {10, "code"}, 11: {11, "data"},
}

// inspect walks the sections of an untrusted module and holds every count
// against its limit. It trusts nothing and allocates by what is there, not by
// what is claimed.
func inspect(module []byte) (*shape, error) {
	if len(module) > vigil.MaxModuleSize {
		return nil, vigil.Errorf(vigil.TooLarge, "module_too_large", "module has %d bytes, the limit is %d", len(module), vigil.MaxModuleSize).With("limit", vigil.MaxModuleSize)
	}
	if !bytes.HasPrefix(module, []byte("\x00asm\x01\x00\x00\x00")) {
		return nil, refuse("module_malformed", "header", 0, "this is no WebAssembly 1.0 module").Hinted("build one with vigil module build")
	}
	s := &shape{code: make([]byte, 0, len(module)+16)}
	s.code = append(s.code, module[:8]...)
	file := &cursor{b: module, i: 8, section: "module"}
	for last, customs := 0, 0; !file.done(); {
		start := file.i
		id := file.byte()
		size := file.uint()
		base := file.i
		body := file.take(size)
		if file.err != nil {
			return nil, file.err
		}
		if id == 0 {
			if customs++; customs > maxCustom {
				return nil, refuse("module_custom_limit", "custom", start, "more than %d custom sections", maxCustom).With("limit", maxCustom)
			}
			if err := s.custom(body, base); err != nil {
				return nil, err
			}
			continue
		}
		row, known := sectionRank[id]
		if !known {
			return nil, refuse("module_section", sectionName(id), start, "%s section is not allowed", sectionName(id))
		}
		if row.rank <= last {
			return nil, refuse("module_malformed", row.name, start, "%s section is out of order or stands twice", row.name)
		}
		last = row.rank
		if err := s.section(id, &cursor{b: body, base: base, section: row.name}); err != nil {
			return nil, err
		}
	}
	return s, s.complete(len(module))
}

func sectionName(id byte) string {
	switch id {
	case 8:
		return "start"
	case 13:
		return "tag"
	}
	return "unknown"
}

// section walks one section and appends it to the code.
func (s *shape) section(id byte, c *cursor) error {
	body := c.b
	switch id {
	case 1:
		s.typeSection(c)
	case 2:
		s.importSection(c)
	case 3:
		s.functionSection(c)
	case 4:
		body = tableSection(c)
	case 5:
		s.memorySection(c)
	case 6:
		globalSection(c)
	case 7:
		s.exportSection(c)
	case 9:
		elementSection(c)
	case 10:
		s.codeSection(c)
	case 11:
		dataSection(c)
	case 12:
		c.uint()
	}
	if c.err == nil && c.left() > 0 {
		c.fail("module_malformed", "%s section has %d bytes too many", c.section, c.left())
	}
	if c.err != nil {
		return c.err
	}
	s.code = append(s.code, id)
	s.code = appendUint(s.code, uint64(len(body)))
	s.code = append(s.code, body...)
	return nil
}

// custom keeps the manifest and drops all else: names and debug information
// are of no use here, and each is one more parser of hostile bytes.
func (s *shape) custom(body []byte, base int) error {
	c := &cursor{b: body, base: base, section: "custom"}
	name := c.name()
	if c.err != nil {
		return c.err
	}
	if name != vigil.ManifestSection {
		return nil
	}
	if s.manifest != nil {
		return refuse("module_manifest", "custom", base, "two sections are called %s", name)
	}
	if c.left() > maxManifest {
		return refuse("module_manifest", "custom", base, "manifest has %d bytes, the limit is %d", c.left(), maxManifest).With("limit", maxManifest)
	}
	s.manifest = c.take(c.left())
	return nil
}

// complete checks what only the whole module can say.
func (s *shape) complete(end int) error {
	if own := len(s.functions) - len(s.imports); own != s.bodies {
		return refuse("module_malformed", "code", end, "%d functions are declared and %d have a body", own, s.bodies)
	}
	if s.memories != 1 {
		return refuse("module_memory", "memory", end, "module has %d memories of its own, want one", s.memories)
	}
	return nil
}
