package config

import (
	"bytes"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// inside finds the byte of a text that an error is about, if the error names it
// by its field and position, which counts from 1. It is 0, 0 where the text does
// not stand in the document as it reads, as when its lines are folded.
func inside(doc []byte, e *vigil.Error) (line, column int) {
	path, _ := e.Fields["field"].(string)
	at, ok := e.Fields["position"].(int)
	if !ok { // it came by HTTP
		number, _ := e.Fields["position"].(float64)
		at = int(number)
	}
	var root yaml.Node
	if at < 1 || path == "" || yaml.Load(doc, &root) != nil || len(root.Content) != 1 {
		return 0, 0
	}
	text := valueAt(root.Content[0], path)
	if text == nil || at > len(text.Value)+1 {
		return 0, 0
	}
	begin := strings.LastIndexByte(text.Value[:at-1], '\n') + 1
	whole, _, _ := strings.Cut(text.Value[begin:], "\n")
	line = text.Line + strings.Count(text.Value[:begin], "\n")
	from := text.Column - 1
	if text.Style&yaml.LiteralStyle != 0 {
		line, from = line+1, 0
	}
	lines := bytes.Split(doc, []byte("\n"))
	if line < 1 || line > len(lines) || from > len(lines[line-1]) {
		return 0, 0
	}
	found := bytes.Index(lines[line-1][from:], []byte(whole))
	if whole == "" || found < 0 {
		return 0, 0
	}
	return line, from + found + at - begin
}

// valueAt follows a path of keys, and of places in lists, to a text; nil if there
// is none.
func valueAt(n *yaml.Node, path string) *yaml.Node {
	for key := range strings.SplitSeq(strings.ReplaceAll(strings.ReplaceAll(path, "[", "."), "]", ""), ".") {
		var next *yaml.Node
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				next = n.Content[i+1]
			}
		}
		if at, err := strconv.Atoi(key); err == nil && n.Kind == yaml.SequenceNode && at < len(n.Content) {
			next = n.Content[at]
		}
		if next == nil {
			return nil
		}
		n = next
	}
	if n.Kind != yaml.ScalarNode {
		return nil
	}
	return n
}

// last is the last part of a path of keys.
func last(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }
