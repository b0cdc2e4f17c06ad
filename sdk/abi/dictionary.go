package abi

import "math"

// Series is an entry of the dictionary: what a row's Ref stands for.
type Series struct {
	ID     uint64
	Ref    uint32
	Labels []string // name, value, name, value …; the metric's name is __name__
}

// Label returns the value of a label, "" if the series has none.
func (s Series) Label(name string) string {
	for i := 0; i+1 < len(s.Labels); i += 2 {
		if s.Labels[i] == name {
			return s.Labels[i+1]
		}
	}
	return ""
}

// AppendDictionary appends the entries to dst: each different string once, then
// the series as pairs of string numbers. A series has at most 65,535 labels;
// more, or a name without its value, are left out.
func AppendDictionary(dst []byte, entries []Series) []byte {
	symbols := map[string]uint32{}
	var order []string
	for _, s := range entries {
		for _, text := range s.Labels[:2*pairs(s)] {
			if _, known := symbols[text]; !known {
				symbols[text] = uint32(len(order))
				order = append(order, text)
			}
		}
	}
	dst = add32(dst, uint32(len(order)))
	for _, text := range order {
		dst = append(add32(dst, uint32(len(text))), text...)
	}
	dst = add32(dst, uint32(len(entries)))
	for _, s := range entries {
		dst = add32(add64(dst, s.ID), s.Ref)
		dst = add16(add16(dst, uint16(pairs(s))), 0)
		for _, text := range s.Labels[:2*pairs(s)] {
			dst = add32(dst, symbols[text])
		}
	}
	return dst
}

func pairs(s Series) int { return min(len(s.Labels)/2, math.MaxUint16) }

// ReadDictionary reads what AppendDictionary wrote. The strings are copies and
// outlive b.
func ReadDictionary(b []byte) ([]Series, error) {
	symbols, b, err := readSymbols(b)
	if err != nil {
		return nil, err
	}
	if len(b) < 4 || uint64(get32(b)) > uint64(len(b)-4)/16 {
		return nil, bad("dictionary series count", -1)
	}
	entries := make([]Series, get32(b))
	b = b[4:]
	for i := range entries {
		if len(b) < 16 || int(get16(b[12:])) > (len(b)-16)/8 {
			return nil, bad("dictionary series", i)
		}
		s := Series{ID: get64(b), Ref: get32(b[8:]), Labels: make([]string, 2*int(get16(b[12:])))}
		b = b[16:]
		for j := range s.Labels {
			symbol := get32(b)
			if uint64(symbol) >= uint64(len(symbols)) {
				return nil, bad("dictionary series", i)
			}
			s.Labels[j], b = symbols[symbol], b[4:]
		}
		entries[i] = s
	}
	if len(b) > 0 {
		return nil, bad("dictionary length", -1)
	}
	return entries, nil
}

func readSymbols(b []byte) (symbols []string, rest []byte, err error) {
	if len(b) < 4 || uint64(get32(b)) > uint64(len(b)-4)/4 {
		return nil, nil, bad("dictionary symbol count", -1)
	}
	symbols = make([]string, get32(b))
	b = b[4:]
	for i := range symbols {
		if len(b) < 4 || uint64(get32(b)) > uint64(len(b)-4) {
			return nil, nil, bad("dictionary symbol", i)
		}
		n := 4 + int(get32(b))
		symbols[i], b = string(b[4:n]), b[n:]
	}
	return symbols, b, nil
}
