package binary

// valueType reports whether b is a number type that a guest may use. Vector
// and reference types are not among the features it is given.
func valueType(b byte) bool { return b >= typeF64 && b <= typeI32 }

const (
	typeI32     = 0x7f
	typeI64     = 0x7e
	typeF32     = 0x7d
	typeF64     = 0x7c
	typeFunc    = 0x60
	typeRef     = 0x70 // funcref
	typeNothing = 0x40
)

func (c *cursor) valueTypes(what string) string {
	b := c.take(c.count(what, maxParams))
	for _, t := range b {
		if !valueType(t) {
			c.fail("module_type", "value type %#x is not allowed", t)
		}
	}
	return string(b)
}

// copied keeps what was read since from, unchanged.
func (o *written) copied(c *cursor, from int) {
	if c.err == nil {
		o.items = append(o.items, c.b[from:c.i]...)
	}
}

func (w *walk) typeSection(c *cursor, out *written) {
	out.count = c.count("types", maxTypes)
	from := c.i
	for n := out.count; n > 0 && c.err == nil; n-- {
		if form := c.byte(); c.err == nil && form != typeFunc {
			c.fail("module_type", "type form %#x is not allowed, only functions are", form)
		}
		w.Types = append(w.Types, Signature{c.valueTypes("parameters"), c.valueTypes("results")})
	}
	out.copied(c, from)
}

func (w *walk) importSection(c *cursor, out *written) {
	out.count = c.count("imports", maxImports)
	from := c.i
	for n := out.count; n > 0 && c.err == nil; n-- {
		im := Import{Offset: c.base + c.i, Module: c.name(), Name: c.name()}
		if kind := c.byte(); c.err == nil && kind != 0 {
			c.fail("module_import", "import %s.%s is no function; a guest brings its own memory, table and globals", im.Module, im.Name)
		}
		if im.Module == YieldModule {
			c.fail("module_import", "import %s.%s: module %s is for metered code", im.Module, im.Name, YieldModule)
		}
		im.Type = w.typeIndex(c)
		w.Imports = append(w.Imports, im)
		w.Functions = append(w.Functions, im.Type)
	}
	out.copied(c, from)
}

func (w *walk) typeIndex(c *cursor) int { return c.index("type", len(w.Types)) }

func (w *walk) functionSection(c *cursor, out *written) {
	out.count = c.count("functions", maxFunctions)
	from := c.i
	for n := out.count; n > 0 && c.err == nil; n-- {
		w.Functions = append(w.Functions, w.typeIndex(c))
	}
	out.copied(c, from)
}

// tableSection forces the maximum to the limit, so that no guest can pass it.
func (w *walk) tableSection(c *cursor, out *written) {
	out.count = c.count("tables", 1)
	for n := out.count; n > 0 && c.err == nil; n-- {
		if ref := c.byte(); c.err == nil && ref != typeRef {
			c.fail("module_type", "a table holds functions only, this one %#x", ref)
		}
		low, high, bounded := c.limits()
		if low > maxTable {
			c.over("module_table_limit", "entries in a table", low, maxTable)
		}
		if !bounded || high > maxTable {
			high = maxTable
		}
		out.items = append(out.items, typeRef, 1)
		out.items = appendUint(out.items, uint64(low))
		out.items = appendUint(out.items, uint64(high))
		w.tables, w.Facts.TableEntries = w.tables+1, low
	}
}

// limits reads the minimum and maximum of a table or memory.
func (c *cursor) limits() (low, high int, bounded bool) {
	flag := c.byte()
	if c.err == nil && flag > 1 {
		c.fail("module_feature", "%s limits %#x: shared and 64-bit ones are not allowed", c.section, flag)
	}
	low = c.uint()
	if flag == 1 {
		high, bounded = c.uint(), true
	}
	if c.err == nil && bounded && high < low {
		c.fail("module_malformed", "%s maximum %d is below its minimum %d", c.section, high, low)
	}
	return low, high, bounded
}

func (w *walk) memorySection(c *cursor, out *written) {
	out.count = c.count("memories", 1)
	from := c.i
	for n := out.count; n > 0 && c.err == nil; n-- {
		low, high, _ := c.limits()
		if most := max(low, high); most > maxPages {
			c.over("module_malformed", "pages of memory", most, maxPages)
		}
		w.memories, w.Pages = w.memories+1, low
	}
	out.copied(c, from)
}

func (w *walk) globalSection(c *cursor, out *written) {
	out.count = c.count("globals", maxGlobals)
	from := c.i
	for n := out.count; n > 0 && c.err == nil; n-- {
		t := c.byte()
		if c.err == nil && !valueType(t) {
			c.fail("module_type", "global of type %#x is not allowed", t)
		}
		w.globalTypes = append(w.globalTypes, t)
		if mut := c.byte(); c.err == nil && mut > 1 {
			c.fail("module_malformed", "global mutability %#x", mut)
		}
		c.number()
	}
	w.globals = out.count
	out.copied(c, from)
}

// number passes a constant expression that is one number. There is no other:
// only imported globals may be named, and a guest imports none; a reference
// has no place in a global or an offset.
func (c *cursor) number() {
	switch op := c.byte(); op {
	case 0x41: // i32.const
		c.signed(32)
	case 0x42: // i64.const
		c.signed(64)
	case 0x43: // f32.const
		c.take(4)
	case 0x44: // f64.const
		c.take(8)
	default:
		c.fail("module_opcode", "opcode %#x in a constant expression is not allowed", op)
	}
	c.endConstant()
}

func (c *cursor) endConstant() {
	if end := c.byte(); c.err == nil && end != opEnd {
		c.fail("module_opcode", "a constant expression is one instruction, this one goes on with %#x", end)
	}
}

func (w *walk) exportSection(c *cursor, out *written) {
	out.count = c.count("exports", maxExports)
	for n := out.count; n > 0 && c.err == nil; n-- {
		from := c.i
		e := Export{Offset: c.base + c.i, Name: c.name(), Kind: c.byte()}
		out.copied(c, from)
		e.Index = c.uint()
		w.checkExport(c, e)
		at := e.Index
		if e.Kind == 0 {
			at = w.moved(at)
		}
		out.items = appendUint(out.items, uint64(at))
		w.Exports = append(w.Exports, e)
	}
}

func (w *walk) checkExport(c *cursor, e Export) {
	if e.Name == FuelGlobal || e.Name == StackGlobal {
		c.fail("module_export", "export %s is the meter's", e.Name)
	}
	if e.Kind > 3 {
		c.fail("module_export", "export %s of kind %#x is not allowed", e.Name, e.Kind)
		return
	}
	have := [...]int{len(w.Functions), w.tables, w.memories, w.globals}[e.Kind]
	if e.Index >= have {
		c.fail("module_export", "export %s names %d of %d", e.Name, e.Index, have)
		c.err.With("found", e.Index).With("limit", have)
	}
}

// elementSection passes the eight forms of an element segment: bit 0 passive
// or declarative, bit 1 explicit table, bit 2 expressions instead of indices.
// Functions move, so it is written anew.
func (w *walk) elementSection(c *cursor, out *written) {
	out.count = c.count("segments", maxSegments)
	for n := out.count; n > 0 && c.err == nil; n-- {
		from := c.i
		form := c.uint()
		if form > 7 {
			c.fail("module_malformed", "element segment of form %d", form)
		}
		if form&1 == 0 {
			if form&2 == 0 && w.tables == 0 {
				c.fail("module_malformed", "element segment without a table")
			}
			if form&2 != 0 {
				c.index("table", w.tables)
			}
			c.number()
		}
		if form&3 != 0 {
			c.elementKind(form)
		}
		entries := c.count("entries of a segment", maxTable)
		out.copied(c, from)
		for ; entries > 0 && c.err == nil; entries-- {
			w.element(c, out, form&4 != 0)
		}
		w.elements++
	}
}

// elementKind passes the byte that says what a segment holds: functions, told
// as kind 0 before indices and as reference type before expressions.
func (c *cursor) elementKind(form int) {
	want := byte(0)
	if form&4 != 0 {
		want = typeRef
	}
	if kind := c.byte(); c.err == nil && kind != want {
		c.fail("module_type", "an element segment holds functions only, this one %#x", kind)
	}
}

func (w *walk) element(c *cursor, out *written, expression bool) {
	if !expression {
		out.items = appendUint(out.items, uint64(w.functionIndex(c)))
		return
	}
	switch op := c.byte(); op {
	case opRefNull:
		if t := c.byte(); c.err == nil && t != typeRef {
			c.fail("module_type", "null of type %#x is not allowed", t)
		}
		out.items = append(out.items, opRefNull, typeRef)
	case opRefFunc:
		out.items = appendUint(append(out.items, opRefFunc), uint64(w.functionIndex(c)))
	default:
		c.fail("module_opcode", "opcode %#x in a constant expression is not allowed", op)
	}
	c.endConstant()
	out.items = append(out.items, opEnd)
}

// functionIndex reads the index of a function and returns where it is in the
// metered module.
func (w *walk) functionIndex(c *cursor) int {
	return w.moved(c.index("function", len(w.Functions)))
}

// moved makes room for the import that metering adds behind the guest's own.
func (w *walk) moved(function int) int {
	if function < len(w.Imports) {
		return function
	}
	return function + 1
}

func (w *walk) dataSection(c *cursor, out *written) {
	out.count = c.count("segments", maxSegments)
	from := c.i
	for n := out.count; n > 0 && c.err == nil; n-- {
		switch form := c.uint(); form {
		case 0:
			c.number()
		case 1:
		case 2:
			c.index("memory", w.memories)
			c.number()
		default:
			c.fail("module_malformed", "data segment of form %d", form)
		}
		w.Facts.DataBytes += len(c.take(c.uint()))
		if w.Facts.DataBytes > maxDataBytes {
			c.over("module_data_limit", "bytes of data", w.Facts.DataBytes, maxDataBytes)
		}
	}
	w.segments = out.count
	out.copied(c, from)
}
