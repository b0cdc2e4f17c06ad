package remedy

import (
	"iter"
	"maps"
	"slices"
)

// shelf is a map with the semantics of a value: a copy of a shelf never sees
// what happens to the original. A change copies one of its bins, not the whole,
// so that a step over ten thousand remediations stays cheap.
type shelf[V any] struct {
	bins [64]map[string]V
}

// bin spreads keys by FNV-1a.
func (s *shelf[V]) bin(key string) *map[string]V {
	h := uint32(2166136261)
	for i := range len(key) {
		h = (h ^ uint32(key[i])) * 16777619
	}
	return &s.bins[(h^h>>16)%uint32(len(s.bins))]
}

func (s *shelf[V]) get(key string) (V, bool) {
	v, ok := (*s.bin(key))[key]
	return v, ok
}

func (s *shelf[V]) put(key string, v V) {
	b := s.bin(key)
	next := make(map[string]V, len(*b)+1)
	maps.Copy(next, *b)
	next[key] = v
	*b = next
}

func (s *shelf[V]) drop(key string) {
	b := s.bin(key)
	if _, ok := (*b)[key]; !ok {
		return
	}
	next := maps.Clone(*b)
	delete(next, key)
	*b = next
}

func (s *shelf[V]) len() (n int) {
	for _, b := range s.bins {
		n += len(b)
	}
	return n
}

// all yields the entries in no order; what is decided from it must not depend
// on one.
func (s *shelf[V]) all() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, b := range s.bins {
			for k, v := range b {
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
