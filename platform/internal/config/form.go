package config

import (
	"math"
	"strconv"

	"go.yaml.in/yaml/v4"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Bounds of what aliases may make of a document. What people write stays far
// below; a few lines of aliases of aliases can stand for gigabytes.
const (
	maxAliases = 100
	maxNodes   = 200_000 // with every alias unfolded
)

// wrong is what is not right with a document, and where.
type wrong struct {
	node *yaml.Node
	err  *vigil.Error
}

func wrongAt(n *yaml.Node, format string, args ...any) *wrong {
	return &wrong{n, vigil.Errorf(vigil.Invalid, "config_invalid", format, args...)}
}

// in is the error as an operator reads it.
func (w *wrong) in(file string, doc []byte) error {
	e := *w.err
	e.Msg = point(file, doc, w.node.Line, w.node.Column, e.Msg)
	return &e
}

// form refuses what no document of ours needs and a reader could be misled by:
// tags, which change what a value means, and aliases that unfold without end.
type form struct {
	aliases int
	sizes   map[*yaml.Node]int // of what anchors name, unfolded; 0 while it is counted
}

// size counts the nodes below n with every alias unfolded.
func (f *form) size(n *yaml.Node) (int, *wrong) {
	if n.Style&yaml.TaggedStyle != 0 {
		return 0, wrongAt(n, "tag %.40q: tags are not read; write the value without it", n.Tag)
	}
	if n.Kind == yaml.AliasNode {
		return f.unfold(n)
	}
	if n.Anchor != "" {
		f.sizes[n] = 0
	}
	total := 1
	for _, c := range n.Content {
		below, bad := f.size(c)
		if bad != nil {
			return 0, bad
		}
		if total += below; total > maxNodes {
			return 0, wrongAt(c, "the document unfolds to more than %d values", maxNodes)
		}
	}
	if n.Anchor != "" {
		f.sizes[n] = total
	}
	return total, nil
}

func (f *form) unfold(n *yaml.Node) (int, *wrong) {
	f.aliases++
	size := f.sizes[n.Alias]
	switch {
	case f.aliases > maxAliases:
		return 0, wrongAt(n, "more than %d aliases", maxAliases)
	case size == 0:
		return 0, wrongAt(n, "alias %.40q stands within what it names", n.Value)
	}
	return size, nil
}

// sayable refuses what JSON has no word for: keys that are no text and numbers
// that are not finite.
func sayable(n *yaml.Node) *wrong {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.ShortTag() != "!!str" && c.ShortTag() != "!!merge" {
			return wrongAt(c, "key %.40q is no text; put it in quotes", c.Value)
		}
		if bad := sayable(c); bad != nil {
			return bad
		}
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!float" {
		var v float64
		if n.Load(&v) == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
			return wrongAt(n, "%s is no finite number", strconv.FormatFloat(v, 'g', -1, 64))
		}
	}
	return nil
}
