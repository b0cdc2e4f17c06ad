package command

import (
	"regexp"
	"regexp/syntax"
)

// grammar is what the values of one placeholder may be.
type grammar struct {
	source string
	most   int // bytes
	re     *regexp.Regexp
	prog   *syntax.Prog
}

// compile reads a grammar. The pattern must hold for the whole value: one that
// is found somewhere inside says nothing of the rest.
func compile(a Arg) (g *grammar, says string) {
	tree, err := syntax.Parse(a.Pattern, syntax.Perl)
	if err != nil {
		return nil, "pattern: " + err.Error()
	}
	if !anchored(tree) {
		return nil, "pattern: want ^ at its begin and $ at its end, around alternatives too: ^(a|b)$"
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, "pattern: " + err.Error()
	}
	if a.Max < 0 || a.Max > maxWord {
		return nil, "max: at most 4096 bytes"
	}
	if a.Max == 0 {
		a.Max = defaultMax
	}
	return &grammar{source: a.Pattern, most: a.Max, re: regexp.MustCompile(a.Pattern), prog: prog}, ""
}

// anchored reports whether whatever the tree matches is a whole text.
func anchored(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpCapture:
		return anchored(re.Sub[0])
	case syntax.OpConcat:
		return len(re.Sub) >= 2 && re.Sub[0].Op == syntax.OpBeginText && re.Sub[len(re.Sub)-1].Op == syntax.OpEndText
	default:
		return false
	}
}

// allows reports whether a value is of the grammar, and one line of text in any
// case.
func (g *grammar) allows(v string) bool {
	return len(v) <= g.most && oneLine(v) && g.re.MatchString(v)
}

// mayBegin reports whether some value that begins with r could be of the
// grammar. It may say yes where none is, never no where one is: it looks at the
// first character only.
func (g *grammar) mayBegin(r rune) bool {
	seen := make([]bool, len(g.prog.Inst))
	var walk func(pc uint32) bool
	walk = func(pc uint32) bool {
		if seen[pc] {
			return false
		}
		seen[pc] = true
		inst := &g.prog.Inst[pc]
		switch inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			return walk(inst.Out) || walk(inst.Arg)
		case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
			return walk(inst.Out)
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			return inst.MatchRune(r)
		case syntax.InstMatch, syntax.InstFail:
		}
		return false
	}
	return walk(uint32(g.prog.Start))
}
