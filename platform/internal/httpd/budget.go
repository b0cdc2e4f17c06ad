package httpd

import (
	"io"
	"sync/atomic"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// budget bounds the bytes of large bodies that are held at the same time, over
// all requests. Health, control and audit routes do not draw on it, so that a
// flood of samples cannot stop them.
type budget struct{ left atomic.Int64 }

func (b *budget) take(n int64) bool {
	if b.left.Add(-n) < 0 {
		b.left.Add(n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.left.Add(n) }

// loan is what one request has taken of a budget. A nil budget lends freely.
type loan struct {
	from  *budget
	taken int64
}

func (l *loan) take(n int64) error {
	if l.from == nil {
		return nil
	}
	if !l.from.take(n) {
		return vigil.Errorf(vigil.Busy, "bodies_busy", "too many large requests at once").Hinted("try again after Retry-After")
	}
	l.taken += n
	return nil
}

func (l *loan) giveBack() {
	if l.from != nil {
		l.from.give(l.taken)
		l.taken = 0
	}
}

// bounded reads at most limit bytes of r, and no byte that the loan does not
// cover.
type bounded struct {
	r     io.Reader
	limit int64 // bytes still allowed
	total int64 // the limit when it began, for the message
	loan  *loan
}

// Read implements io.Reader; over the limit it answers body_too_large.
func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.limit+1 {
		p = p[:b.limit+1] // one more than allowed tells full from too large
	}
	n, err := b.r.Read(p)
	if n > 0 {
		if lent := b.loan.take(int64(n)); lent != nil {
			return 0, lent
		}
	}
	if b.limit -= int64(n); b.limit < 0 {
		return 0, errTooLarge(b.total)
	}
	return n, err
}

func errTooLarge(limit int64) *vigil.Error {
	return vigil.Errorf(vigil.TooLarge, "body_too_large", "the body is larger than %d bytes", limit).
		Hinted("send it in smaller parts").With("limit", limit)
}
