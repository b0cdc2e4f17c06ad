package binary

// A ladder is how compilers that know only jumps write a function, Go's among
// them:
//
//	loop
//	  block … block               rungs
//	    local.get x  br_table …   goes to the end of a rung, where a piece begins
//	  end  …piece…  end  …piece…
//	end
//
// A jump to a piece is i32.const k, local.set x, br to the loop. Each would pass
// the loop's head, and pay for the whole function there. Metering makes those
// that go forward a br out of the piece's rung, which is where the table would
// have sent them, and free. Those that go back pay for the pieces from their
// target to themselves, whatever else leads to the loop for all of them. So the
// code is paid for once where the ladder is entered, and what runs again when it
// does: between two payments the way leads only forward.
type ladder struct {
	local  int
	labels []int // of the br_table, the last for all higher numbers
	base   int   // where in open the loop stands
	rungs  int
	region int   // it is paid for with
	cost   int   // of the region before it
	starts []int // cost of the region at the end of each rung, by label
	late   []int // where in code the cost of a whole turn is to stand
}

// turnUnits is what going round costs beside the instructions: the payment
// itself.
const turnUnits = 4

// saying is what the instructions before a branch say: which number stands in
// which local.
type saying struct {
	known, stored bool
	value         uint32
	local         int
}

func (s saying) into(local int) saying {
	return saying{stored: s.known && !s.stored, value: s.value, local: local}
}

// peekLadder returns the ladder that begins behind the loop just read, nil if
// none does. What it reads is checked when the walk comes there.
func (b *body) peekLadder() *ladder {
	p := cursor{b: b.c.b, i: b.c.i}
	l := &ladder{base: len(b.open), region: b.region, cost: b.cost}
	for p.left() > 1 && p.b[p.i] == opBlock && p.b[p.i+1] == typeNothing {
		p.i += 2
		l.rungs++
	}
	if l.rungs == 0 || b.c.b[b.c.i-1] != typeNothing || p.byte() != opLocalGet {
		return nil
	}
	if l.local = p.uint(); p.byte() != opBrTable {
		return nil
	}
	for n := p.count("labels", maxBody) + 1; n > 0 && p.err == nil; n-- {
		l.labels = append(l.labels, p.uint())
		if l.labels[len(l.labels)-1] >= l.rungs {
			return nil
		}
	}
	if p.err != nil {
		return nil
	}
	l.starts = make([]int, l.rungs)
	b.rungs = l.rungs
	return l
}

// closeRung notes what stands before the piece that begins at the end of a rung.
func (b *body) closeRung(op byte, at int, l *ladder) {
	if op != opLoop {
		l.starts[l.base+l.rungs-at] = b.cost
		return
	}
	for _, patch := range l.late {
		putCost(b.code[patch:], b.cost-l.cost+turnUnits)
	}
}

// branch passes a branch with one label.
func (b *body) branch(op byte, at int, said saying) {
	l := b.ladderOf(b.c.index("label", len(b.open)+1))
	switch {
	case l == nil || b.c.err != nil:
	case op != opBr || !said.stored || said.local != l.local:
		b.payTurn(at, l)
	default:
		b.step(at, l, l.labels[min(int(said.value), len(l.labels)-1)])
	}
}

// branches passes a branch with a table of labels.
func (b *body) branches(at int) {
	for n := b.c.count("labels", maxBody) + 1; n > 0 && b.c.err == nil; n-- {
		if l := b.ladderOf(b.c.index("label", len(b.open)+1)); l != nil {
			b.payTurn(at, l)
		}
	}
}

// ladderOf is the ladder whose loop a label names, nil if it names none.
func (b *body) ladderOf(label int) *ladder {
	if at := len(b.open) - 1 - label; at >= 0 && b.open[at].op == opLoop {
		return b.open[at].ladder
	}
	return nil
}

// step passes a jump to the piece behind a rung.
func (b *body) step(at int, l *ladder, label int) {
	rung := l.base + l.rungs - label
	switch {
	case rung < len(b.open) && b.open[rung].ladder == l:
		b.instead(at, appendUint([]byte{opBr}, uint64(len(b.open)-1-rung))...)
	case b.region == l.region:
		b.flush(at)
		putCost(b.code[b.charge():], b.cost-l.starts[label]+turnUnits+weightOf(opBrTable))
		b.test()
	default:
		b.payTurn(at, l)
	}
}

// payTurn pays for a whole turn before a branch that may begin one.
func (b *body) payTurn(at int, l *ladder) {
	b.flush(at)
	l.late = append(l.late, b.charge())
	b.test()
}
