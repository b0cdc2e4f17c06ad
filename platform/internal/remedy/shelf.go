package remedy

import (
	"iter"
	"maps"
	"slices"
)

// shelf is a map with the semantics of a value: a copy of a shelf never sees
// what happens to the original. A change copies one of its bins, not the whole,
// and a step copies each bin once, so that one over ten thousand remediations
// stays cheap.
type shelf[V any] struct {
	bins [64]bin[V]
	step *byte // of whom the shelf is now; nil: nobody may change a bin in place
}

// bin is a part of a shelf. The step that copied it may change it in place, as
// nobody else has seen it.
type bin[V any] struct {
	m    map[string]V
	step *byte
}

// give lets a step change the shelf, which it alone must have.
func (s *shelf[V]) give(step *byte) { s.step = step }

// bin spreads keys by FNV-1a.
func (s *shelf[V]) bin(key string) *bin[V] {
	h := uint32(2166136261)
	for i := range len(key) {
		h = (h ^ uint32(key[i])) * 16777619
	}
	return &s.bins[(h^h>>16)%uint32(len(s.bins))]
}

func (s *shelf[V]) get(key string) (V, bool) {
	v, ok := s.bin(key).m[key]
	return v, ok
}

func (s *shelf[V]) put(key string, v V) {
	s.own(s.bin(key))[key] = v
}

// own returns a bin's map to be changed.
func (s *shelf[V]) own(b *bin[V]) map[string]V {
	if s.step == nil || b.step != s.step {
		next := make(map[string]V, len(b.m)+1)
		maps.Copy(next, b.m)
		b.m, b.step = next, s.step
	}
	return b.m
}

func (s *shelf[V]) drop(key string) {
	if b := s.bin(key); b.m != nil {
		if _, ok := b.m[key]; ok {
			delete(s.own(b), key)
		}
	}
}

func (s *shelf[V]) len() (n int) {
	for _, b := range s.bins {
		n += len(b.m)
	}
	return n
}

// all yields the entries in no order; what is decided from it must not depend
// on one.
func (s *shelf[V]) all() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, b := range s.bins {
			for k, v := range b.m {
				if !yield(k, v) {
					return
				}
			}
		}
	}
}

// keys returns the keys of the entries that want accepts, in order.
func (s *shelf[V]) keys(want func(V) bool) []string {
	var ks []string
	for k, v := range s.all() {
		if want(v) {
			ks = append(ks, k)
		}
	}
	slices.Sort(ks)
	return ks
}
