package wasm

// valueType reports whether b is a number type that a guest may use. Vector
// and reference types are not among the features it is given.
func valueType(b byte) bool { return b >= 0x7c && b <= 0x7f }

func (c *cursor) valueTypes(what string) string {
	b := c.take(c.count(what, maxParams))
	for _, t := range b {
		if !valueType(t) {
			c.fail("module_type", "value type %#x is not allowed", t)
		}
	}
	return string(b)
}

func (s *shape) typeSection(c *cursor) {
	for n := c.count("types", maxTypes); n > 0 && c.err == nil; n-- {
		if form := c.byte(); c.err == nil && form != 0x60 {
			c.fail("module_type", "type form %#x is not allowed, only functions are", form)
		}
		s.types = append(s.types, signature{c.valueTypes("parameters"), c.valueTypes("results")})
	}
}

func (s *shape) importSection(c *cursor) {
	for n := c.count("imports", maxImports); n > 0 && c.err == nil; n-- {
		im := imported{offset: c.base + c.i, module: c.name(), name: c.name()}
		if kind := c.byte(); c.err == nil && kind != 0 {
			c.fail("module_import", "import %s.%s is no function; a guest brings its own memory, table and globals", im.module, im.name)
		}
		im.typ = s.typeIndex(c)
		s.imports = append(s.imports, im)
		s.functions = append(s.functions, im.typ)
	}
}

func (s *shape) typeIndex(c *cursor) int {
	i := c.uint()
	if c.err == nil && i >= len(s.types) {
		c.fail("module_malformed", "type %d does not exist", i)
	}
	return i
}

func (s *shape) functionSection(c *cursor) {
	for n := c.count("functions", maxFunctions); n > 0 && c.err == nil; n-- {
		s.functions = append(s.functions, s.typeIndex(c))
	}
}

// tableSection returns the section with the maximum forced to the limit, so
// that no table.grow can pass it.
func tableSection(c *cursor) []byte {
	out := []byte{}
	n := c.count("tables", 1)
	out = appendUint(out, uint64(n))
	for ; n > 0 && c.err == nil; n-- {
		if ref := c.byte(); c.err == nil && ref != 0x70 {
			c.fail("module_type", "a table holds functions only, this one %#x", ref)
		}
		low, high, bounded := c.limits()
		if c.err == nil && low > maxTable {
			c.fail("module_table_limit", "table has %d entries, the limit is %d", low, maxTable)
			c.err.With("limit", maxTable)
		}
		if !bounded || high > maxTable {
			high = maxTable
		}
		out = append(out, 0x70, 1)
		out = appendUint(out, uint64(low))
		out = appendUint(out, uint64(high))
	}
	return out
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

func (s *shape) memorySection(c *cursor) {
	for n := c.count("memories", 1); n > 0 && c.err == nil; n-- {
		low, high, bounded := c.limits()
		if c.err == nil && (low > 65536 || bounded && high > 65536) {
			c.fail("module_malformed", "memory of more than 4 GiB")
		}
		s.memories++
		s.pages = low
	}
}

func globalSection(c *cursor) {
	for n := c.count("globals", maxGlobals); n > 0 && c.err == nil; n-- {
		if t := c.byte(); c.err == nil && !valueType(t) {
			c.fail("module_type", "global of type %#x is not allowed", t)
		}
		if mut := c.byte(); c.err == nil && mut > 1 {
			c.fail("module_malformed", "global mutability %#x", mut)
		}
		c.constant()
	}
}

// constant passes a constant expression: one instruction and end.
func (c *cursor) constant() {
	switch op := c.byte(); op {
	case 0x41: // i32.const
		c.skipSigned(5)
	case 0x42: // i64.const
		c.skipSigned(10)
	case 0x43: // f32.const
		c.take(4)
	case 0x44: // f64.const
		c.take(8)
	case 0x23, 0xd2: // global.get, ref.func
		c.uint()
	case 0xd0: // ref.null
		c.byte()
	default:
		c.fail("module_opcode", "opcode %#x in a constant expression is not allowed", op)
	}
	if end := c.byte(); c.err == nil && end != 0x0b {
		c.fail("module_opcode", "a constant expression is one instruction")
	}
}

func (s *shape) exportSection(c *cursor) {
	for n := c.count("exports", maxExports); n > 0 && c.err == nil; n-- {
		s.exports = append(s.exports, exported{offset: c.base + c.i, name: c.name(), kind: c.byte(), index: c.uint()})
	}
}

// elementSection passes the eight forms of an element segment: bit 0 passive
// or declarative, bit 1 explicit table, bit 2 expressions instead of indices.
func elementSection(c *cursor) {
	for n := c.count("segments", maxSegments); n > 0 && c.err == nil; n-- {
		form := c.uint()
		if c.err == nil && form > 7 {
			c.fail("module_malformed", "element segment of form %d", form)
		}
		if form&1 == 0 {
			if form&2 != 0 {
				c.uint()
			}
			c.constant()
		}
		if form&3 != 0 {
			c.byte() // element kind or reference type; the runtime validates it
		}
		for k := c.count("entries of a segment", maxTable); k > 0 && c.err == nil; k-- {
			if form&4 != 0 {
				c.constant()
			} else {
				c.uint()
			}
		}
	}
}

// codeSection checks the size of each body and what its locals would take;
// the instructions are left to the runtime's validator, which allocates by
// what is there.
func (s *shape) codeSection(c *cursor) {
	for n := c.count("bodies", maxFunctions); n > 0 && c.err == nil; n-- {
		size := c.uint()
		if c.err == nil && size > maxBody {
			c.fail("module_body_limit", "function %d has %d bytes, the limit is %d", s.bodies, size, maxBody)
			c.err.With("limit", maxBody)
		}
		base := c.base + c.i
		body := &cursor{b: c.take(size), base: base, section: c.section}
		if c.err == nil {
			body.locals()
			c.err = body.err
		}
		s.bodies++
	}
}

func (c *cursor) locals() {
	total := 0
	for n := c.count("groups of locals", maxLocals); n > 0 && c.err == nil; n-- {
		total += c.uint()
		if c.err == nil && total > maxLocals {
			c.fail("module_locals_limit", "a function has %d locals, the limit is %d", total, maxLocals)
			c.err.With("limit", maxLocals)
		}
		if t := c.byte(); c.err == nil && !valueType(t) {
			c.fail("module_type", "local of type %#x is not allowed", t)
		}
	}
}

func dataSection(c *cursor) {
	total := 0
	for n := c.count("segments", maxSegments); n > 0 && c.err == nil; n-- {
		switch form := c.uint(); form {
		case 0:
			c.constant()
		case 1:
		case 2:
			c.uint()
			c.constant()
		default:
			c.fail("module_malformed", "data segment of form %d", form)
		}
		total += len(c.take(c.uint()))
		if c.err == nil && total > maxDataBytes {
			c.fail("module_data_limit", "more than %d bytes of data", maxDataBytes)
			c.err.With("limit", maxDataBytes)
		}
	}
}
