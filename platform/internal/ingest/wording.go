package ingest

import (
	"sync"
	"sync/atomic"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// wording is how a sender spells a series of the store: the bytes of its request
// that lead to it, within a context that has a wording too, or none.
type wording struct {
	within *wording
	text   string
	series flow.SeriesRow
	next   atomic.Pointer[wording] // what came after it the last time, a guess
}

// wordings remembers the wordings of one protocol. Senders repeat themselves,
// series for series: one comparison of bytes with what came next the last time
// stands for reading the labels, putting them in order and looking them up,
// which is two thirds of what decoding remote write costs. Only what led to a
// series of the store is learnt, so that it was checked once.
type wordings struct {
	mu     sync.RWMutex // guards all below
	of     map[phrase]*wording
	bytes  int
	missed int // since it is full
}

// vocabulary is the wordings of one protocol in the store's present generation.
// Those of another are dropped whole, since their series may be forgotten; a
// request under way goes on with those that it began with.
type vocabulary struct {
	mu         sync.Mutex // guards all below
	generation uint64
	words      *wordings
}

func (v *vocabulary) of(store Store) *wordings {
	v.mu.Lock()
	defer v.mu.Unlock()
	if g := store.Generation(); v.words == nil || g != v.generation {
		v.words, v.generation = &wordings{}, g
	}
	return v.words
}

type phrase struct {
	within *wording
	text   string
}

const (
	maxWordings = 24 << 20 // bytes that one protocol's wordings may take
	perWording  = 200      // beside the text, about
)

func (w *wordings) find(within *wording, text []byte) *wording {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.of[phrase{within, string(text)}]
}

// learn remembers a wording. When there is no room it begins anew, but not
// before it was asked in vain several times for each that it holds.
func (w *wordings) learn(within *wording, text []byte, s flow.SeriesRow) *wording {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bytes >= maxWordings {
		if w.missed++; w.missed < 4*len(w.of) {
			return nil
		}
	}
	if w.of == nil || w.bytes >= maxWordings {
		w.of, w.bytes, w.missed = map[phrase]*wording{}, 0, 0
	}
	one := &wording{within: within, text: string(text), series: s}
	w.of[phrase{within, one.text}] = one
	w.bytes += len(text) + perWording
	return one
}

// listener follows the wordings of one request.
type listener struct {
	words *wordings
	said  *wording // the last one, nil at first
}

// expected is what came after the last wording the last time, nil if nothing did.
func (l *listener) expected() *wording {
	if l.said == nil {
		return nil
	}
	return l.said.next.Load()
}

// guess returns what is expected, if body begins with it. It is for protocols
// whose wordings have no context.
func (l *listener) guess(body []byte) *wording {
	w := l.expected()
	if w == nil || len(body) < len(w.text) || string(body[:len(w.text)]) != w.text {
		return nil
	}
	l.said = w
	return w
}

// whole returns the wording that all of text is, nil if it is not known.
func (l *listener) whole(within *wording, text []byte) *wording {
	if w := l.expected(); w != nil && w.within == within && w.text == string(text) {
		l.said = w
		return w
	}
	return l.recall(within, text)
}

// recall returns the wording that text is, nil if it is not known.
func (l *listener) recall(within *wording, text []byte) *wording {
	w := l.words.find(within, text)
	l.follow(w)
	return w
}

// learn remembers that text leads to a series of the store.
func (l *listener) learn(within *wording, text []byte, s flow.SeriesRow) *wording {
	w := l.words.learn(within, text, s)
	l.follow(w)
	return w
}

// follow goes on to a wording, unless it is nil.
func (l *listener) follow(w *wording) {
	if w == nil {
		return
	}
	if l.said != nil {
		l.said.next.Store(w)
	}
	l.said = w
}

// learn remembers that text led to a run, if its series is one of the store.
func (b *builder) learn(within *wording, text []byte, at uint32, f fault) {
	if f.code == "" && b.runs[at].key == "" {
		b.heard.learn(within, text, b.runs[at].series)
	}
}
