package binary

import "slices"

// program describes a module made for a test. What stands in sections replaces
// the body of a whole section.
type program struct {
	types     []Signature
	imports   []Import
	functions []routine
	table     int // entries; 0 means no table
	pages     int // of memory; 0 means 1
	globals   [][]byte
	exports   map[string]int // functions by name
	elements  []int          // functions in the table, from its start
	data      []byte         // at address 0, and as passive segment 1
	sections  map[byte][]byte
	extra     []byte // appended as it is
}

// routine is a function with a body.
type routine struct {
	typ    int
	locals string // value types
	code   assembler
}

// one is a program of one exported function f () → ().
func one(code ...byte) program {
	return program{types: []Signature{{}}, functions: []routine{{code: code}}, exports: map[string]int{"f": 0}}
}

func (p program) bytes() []byte {
	out := []byte(header)
	add := func(id byte, items ...[]byte) {
		if body, ok := p.sections[id]; ok {
			out = append(out, section(id, body)...)
		} else if len(items) > 0 {
			out = append(out, section(id, vec(items...))...)
		}
	}
	var types, imports, functions, bodies, exports [][]byte
	for _, t := range p.types {
		types = append(types, appendName(appendName([]byte{typeFunc}, t.Params), t.Results))
	}
	for _, im := range p.imports {
		item := append(appendName(appendName(nil, im.Module), im.Name), 0)
		imports = append(imports, appendUint(item, uint64(im.Type)))
	}
	for _, f := range p.functions {
		functions = append(functions, appendUint(nil, uint64(f.typ)))
		bodies = append(bodies, f.body())
	}
	exports = append(exports, append(appendName(nil, "memory"), 2, 0))
	for name, index := range p.exports {
		exports = append(exports, appendUint(append(appendName(nil, name), 0), uint64(index)))
	}
	add(1, types...)
	add(2, imports...)
	add(3, functions...)
	add(4, p.tables()...)
	add(5, appendUint([]byte{0}, uint64(max(p.pages, 1))))
	add(6, p.globals...)
	add(7, exports...)
	add(8)
	add(9, p.segments()...)
	if p.data != nil {
		out = append(out, section(12, []byte{2})...)
	}
	add(10, bodies...)
	if p.data != nil {
		add(11, append([]byte{0, opI32Const, 0, opEnd}, appendName(nil, string(p.data))...), append([]byte{1}, appendName(nil, string(p.data))...))
	} else {
		add(11)
	}
	return append(out, p.extra...)
}

func (f routine) body() []byte {
	locals := appendUint(nil, uint64(len(f.locals)))
	for i := range len(f.locals) {
		locals = append(locals, 1, f.locals[i])
	}
	body := slices.Concat(locals, f.code, []byte{opEnd})
	return append(appendUint(nil, uint64(len(body))), body...)
}

func (p program) tables() [][]byte {
	if p.table == 0 {
		return nil
	}
	return [][]byte{appendUint([]byte{typeRef, 0}, uint64(p.table))}
}

func (p program) segments() [][]byte {
	if p.elements == nil {
		return nil
	}
	item := appendUint([]byte{0, opI32Const, 0, opEnd}, uint64(len(p.elements)))
	for _, f := range p.elements {
		item = appendUint(item, uint64(f))
	}
	return [][]byte{item}
}

func vec(items ...[]byte) []byte {
	return append(appendUint(nil, uint64(len(items))), slices.Concat(items...)...)
}

func section(id byte, body []byte) []byte {
	return append(appendUint([]byte{id}, uint64(len(body))), body...)
}

func custom(name, content string) []byte {
	return section(0, append(appendName(nil, name), content...))
}

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

// huge is 2³²−1 as LEB128: what a bomb claims to hold.
func huge() []byte { return appendUint(nil, 1<<32-1) }
