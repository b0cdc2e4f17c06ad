package ingest

// known reads a line of which every field leads to a known series and is a plain
// number, without reading its tags. ok is false for any other line; then nothing
// was handed on.
func (d *lines) known() (ok bool) {
	start, heard := d.at, d.out.heard
	defer func() {
		if !ok {
			d.at, d.out.heard = start, heard
		}
	}()
	d.fields = d.fields[:0]
	w := d.out.heard.guess(d.b[d.at:])
	if w == nil {
		return false
	}
	head := len(w.text) - d.keyLen(w) // the measurement, the tags and the space
	prefix := w.text[:head]
	for d.at += len(w.text); ; {
		v, ok := d.plainNumber()
		if !ok {
			return false
		}
		d.fields = append(d.fields, number{said: w, v: v})
		if d.peek() != ',' {
			break
		}
		d.at++
		if w = d.out.heard.expected(); w == nil || len(w.text) <= head || w.text[:head] != prefix || len(d.b)-d.at < len(w.text)-head ||
			string(d.b[d.at:d.at+len(w.text)-head]) != w.text[head:] {
			return false
		}
		d.out.heard.said = w
		d.at += len(w.text) - head
	}
	d.spaces()
	t, ok := d.time()
	for i := 0; ok && i < len(d.fields); i++ {
		d.out.put(d.out.runOf(d.fields[i].said.series), fault{}, t, d.fields[i].v)
	}
	return ok
}

// keyLen is the length of a wording's last word, a field's key with its equals
// sign: keys are told from tags by the last space that no backslash stands before.
func (d *lines) keyLen(w *wording) int {
	for i := len(w.text) - 1; i > 0; i-- {
		if w.text[i] == ' ' && w.text[i-1] != '\\' {
			return len(w.text) - i - 1
		}
	}
	return 0
}

// plainNumber reads a number of at most fifteen digits, with or without a point,
// up to what ends a field. Below 2^53 and within 10^22 the one division rounds as
// strconv does.
func (d *lines) plainNumber() (float64, bool) {
	i, digits, point := d.at, 0, -1
	negative := i < len(d.b) && d.b[i] == '-'
	if negative {
		i++
	}
	n := uint64(0)
	for ; i < len(d.b); i++ {
		c := d.b[i]
		if c == '.' && point < 0 {
			point = digits
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + uint64(c-'0')
		if digits++; digits > 15 {
			return 0, false
		}
	}
	if digits == 0 || i >= len(d.b) || d.b[i] != ',' && d.b[i] != ' ' && d.b[i] != '\n' {
		return 0, false
	}
	d.at = i
	v := float64(n)
	if point >= 0 {
		v /= [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}[digits-point]
	}
	if negative {
		v = -v
	}
	return v, true
}
