package ingest

import (
	"sync"
	"sync/atomic"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// wording is how a sender spells a series of the store: the bytes of its request
// that lead to it.
type wording struct {
	text   string
	series flow.SeriesRow
	next   atomic.Pointer[wording] // what came after it the last time, a guess
}

// wordings remembers the wordings of one protocol. Senders repeat themselves,
// series for series: one comparison of bytes with what came next the last time
// stands for reading the labels, putting them in order and looking them up,
// which takes 130 ns of the 190 that a sample of remote write is decoded in.
// Only what led to a series of the store is learnt, so that it was checked; the
// store never forgets a series.
type wordings struct {
	mu     sync.RWMutex // guards all below
	of     map[string]*wording
	bytes  int
	missed int // since it is full
}

const (
	maxWordings = 24 << 20 // bytes that one protocol's wordings may take
	perWording  = 192      // beside the text, about
)

// find returns the wording that text is, nil if it is not known.
func (w *wordings) find(text []byte) *wording {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.of[string(text)]
}

// learn remembers a wording. When there is no room it begins anew, but not
// before it was asked in vain several times for each that it holds.
func (w *wordings) learn(text []byte, s flow.SeriesRow) *wording {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bytes >= maxWordings {
		if w.missed++; w.missed < 4*len(w.of) {
			return nil
		}
	}
	if w.of == nil || w.bytes >= maxWordings {
		w.of, w.bytes, w.missed = map[string]*wording{}, 0, 0
	}
	one := &wording{text: string(text), series: s}
	w.of[one.text] = one
	w.bytes += len(text) + perWording
	return one
}

// guess returns the wording that came after the last one the last time, if body
// begins with it.
func (b *builder) guess(body []byte) *wording {
	if b.said == nil {
		return nil
	}
	w := b.said.next.Load()
	if w == nil || len(body) < len(w.text) || string(body[:len(w.text)]) != w.text {
		return nil
	}
	b.said = w
	return w
}

// recall returns the wording that text is, nil if it is not known.
func (b *builder) recall(text []byte) *wording {
	w := b.words.find(text)
	if w != nil {
		b.follow(w)
	}
	return w
}

// learn remembers that text led to a run, if its series is one of the store.
func (b *builder) learn(text []byte, at uint32, f fault) {
	if f.code != "" || b.runs[at].key != "" {
		return
	}
	if w := b.words.learn(text, b.runs[at].series); w != nil {
		b.follow(w)
	}
}

// follow goes on to a wording.
func (b *builder) follow(w *wording) {
	if b.said != nil {
		b.said.next.Store(w)
	}
	b.said = w
}
