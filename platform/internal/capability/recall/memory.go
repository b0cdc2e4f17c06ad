package recall

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// memory is what all modules of a tenant keep for themselves: read from the
// ledger when first asked for, changed here, and written in groups.
type memory struct {
	ledger   Ledger
	total    atomic.Int64  // bytes of keys and values of all spaces, open visits included
	changed  atomic.Uint64 // counts the visits that changed something
	saved    atomic.Uint64 // changed as it was when all of it had become durable
	flushing sync.Mutex    // makes collecting and writing changes one step

	mu     sync.Mutex
	spaces map[string]*space // guarded by mu
}

// space is the memory of one module. A token in turn is whoever visits it: he
// alone changes it.
type space struct {
	name string
	turn chan struct{}

	// The following are written by the visitor under memory.mu.
	loaded bool
	values map[string][]byte
	size   int                 // bytes of keys and values
	dirty  map[string]struct{} // keys whose value is not on disk
}

func newMemory(l Ledger, size int64) *memory {
	m := &memory{ledger: l, spaces: map[string]*space{}}
	m.total.Store(size)
	return m
}

// enter waits for a space's turn and reads it at its first visit.
func (m *memory) enter(ctx context.Context, name string) (*visit, error) {
	m.mu.Lock()
	s := m.spaces[name]
	if s == nil {
		s = &space{name: name, turn: make(chan struct{}, 1), dirty: map[string]struct{}{}}
		m.spaces[name] = s
	}
	m.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !s.loaded {
		values, err := m.ledger.State(ctx, name)
		if err != nil {
			<-s.turn
			return nil, err
		}
		m.mu.Lock()
		s.values, s.size, s.loaded = values, 0, true
		for key, value := range values {
			s.size += len(key) + len(value)
		}
		m.mu.Unlock()
	}
	return &visit{m: m, s: s, changes: map[string][]byte{}, size: s.size, count: len(s.values)}, nil
}

// flush makes the changes of all visits that ended durable. Who finds nothing to
// do may rely on others' changes being on disk, too.
func (m *memory) flush(ctx context.Context) error {
	if m.saved.Load() == m.changed.Load() {
		return nil
	}
	m.flushing.Lock()
	defer m.flushing.Unlock()
	mark, changes := m.collect()
	if len(changes) > 0 {
		if err := m.ledger.SaveState(ctx, changes); err != nil {
			m.restore(changes)
			return err
		}
	}
	m.saved.Store(mark)
	return nil
}

// collect takes what is not on disk.
func (m *memory) collect() (mark uint64, changes []flow.StateChange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.spaces {
		for key := range s.dirty {
			changes = append(changes, flow.StateChange{Space: s.name, Key: key, Value: s.values[key]})
		}
		clear(s.dirty)
	}
	return m.changed.Load(), changes
}

// restore marks what could not be written; its newest value is written next.
func (m *memory) restore(changes []flow.StateChange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		if s := m.spaces[c.Space]; s != nil {
			s.dirty[c.Key] = struct{}{}
		}
	}
}

// forget empties a space, here and on disk.
func (m *memory) forget(ctx context.Context, name string) error {
	v, err := m.enter(ctx, name)
	if err != nil {
		return err
	}
	m.flushing.Lock()
	defer m.flushing.Unlock()
	err = m.ledger.ClearState(ctx, name)
	if err == nil {
		m.mu.Lock()
		m.total.Add(-int64(v.s.size))
		v.s.values, v.s.size = map[string][]byte{}, 0
		clear(v.s.dirty)
		m.mu.Unlock()
		v.size = 0
	}
	v.leave(false)
	return err
}

// visit is one evaluation's way into a space. What it changes is seen by
// nobody else until it leaves.
type visit struct {
	m       *memory
	s       *space
	changes map[string][]byte // nil: deleted
	size    int               // of the space with the changes
	count   int               // of its keys
}

func (v *visit) get(key string) (value []byte, found bool) {
	if value, changed := v.changes[key]; changed {
		return value, value != nil
	}
	value, found = v.s.values[key]
	return value, found
}

// set refuses what finds no room, and then changes nothing.
func (v *visit) set(key string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	more, keys := len(key)+len(value), 1
	if old, found := v.get(key); found {
		more, keys = len(value)-len(old), 0
	}
	switch {
	case v.count+keys > maxKeys:
		return quota("%d keys, which is the limit; delete one", maxKeys)
	case more > 0 && v.size+more > maxSpace:
		return quota("%d bytes and %d more; the limit is %d", v.size, more, maxSpace)
	case v.m.total.Add(int64(more)) > maxTenant && more > 0:
		v.m.total.Add(-int64(more))
		return quota("all modules together keep %d bytes, which is the limit", maxTenant)
	}
	v.changes[key], v.size, v.count = value, v.size+more, v.count+keys
	return nil
}

func (v *visit) remove(key string) (found bool) {
	old, found := v.get(key)
	if found {
		v.changes[key], v.count = nil, v.count-1
		v.size -= len(key) + len(old)
		v.m.total.Add(-int64(len(key) + len(old)))
	}
	return found
}

// keys lists what begins with a prefix, in order.
func (v *visit) keys(prefix string) []string {
	var out []string
	add := func(key string) {
		if _, found := v.get(key); found && len(key) >= len(prefix) && key[:len(prefix)] == prefix {
			out = append(out, key)
		}
	}
	for key := range v.s.values {
		add(key)
	}
	for key := range maps.Keys(v.changes) {
		if _, known := v.s.values[key]; !known {
			add(key)
		}
	}
	slices.Sort(out)
	return out
}

// leave ends the visit and keeps its changes, or none of them.
func (v *visit) leave(keep bool) {
	v.m.mu.Lock()
	if !keep {
		v.m.total.Add(int64(v.s.size - v.size))
	} else if len(v.changes) > 0 {
		for key, value := range v.changes {
			if value == nil {
				delete(v.s.values, key)
			} else {
				v.s.values[key] = value
			}
			v.s.dirty[key] = struct{}{}
		}
		v.s.size = v.size
		v.m.changed.Add(1)
	}
	v.m.mu.Unlock()
	<-v.s.turn
}
