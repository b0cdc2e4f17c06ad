package httpd

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/klauspost/compress/snappy"
	"github.com/valyala/fasthttp"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// drainMost is how much of a refused body is read and dropped so that the
// connection can be kept. The request's read deadline bounds the time.
const drainMost = 32 << 20

// buffers are where one body is read to and inflated to.
type buffers struct{ wire, plain bytes.Buffer }

// keepMost is how large buffers are kept for the next body.
const keepMost = 1 << 20

// shelf keeps the buffers of bodies that nobody needs when their handler has
// returned: samples come often enough to keep the garbage collector busy.
type shelf struct{ pool sync.Pool } // of *buffers

func (s *shelf) take() *buffers {
	if b, ok := s.pool.Get().(*buffers); ok {
		return b
	}
	return &buffers{}
}

func (s *shelf) give(b *buffers) {
	if b == nil || b.wire.Cap() > keepMost || b.plain.Cap() > keepMost {
		return
	}
	b.wire.Reset()
	b.plain.Reset()
	s.pool.Put(b)
}

// readBody reads the raw body, never inflating it, into buf.
func readBody(fctx *fasthttp.RequestCtx, limit int64, l *loan, buf *bytes.Buffer) ([]byte, error) {
	stream := fctx.RequestBodyStream()
	if stream == nil {
		return nil, nil
	}
	length := int64(fctx.Request.Header.ContentLength())
	if length > limit {
		drain(stream)
		return nil, errTooLarge(limit)
	}
	body, err := readAll(buf, &bounded{r: stream, limit: limit, total: limit, loan: l}, max(length, 0))
	if vigil.CodeOf(err) == "body_too_large" {
		drain(stream)
	}
	return body, err
}

// readAll grows with what arrives, not with what a header promises.
func readAll(buf *bytes.Buffer, r io.Reader, promised int64) ([]byte, error) {
	buf.Grow(int(min(promised, 64<<10)) + bytes.MinRead)
	if _, err := buf.ReadFrom(r); err != nil {
		return nil, bodyError(err)
	}
	return buf.Bytes(), nil
}

func drain(r io.Reader) {
	_, _ = io.CopyN(io.Discard, r, drainMost) // what is left over closes the connection
}

func bodyError(err error) error {
	var e *vigil.Error
	var timeout net.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &timeout) && timeout.Timeout():
		return vigil.Errorf(vigil.Timeout, "request_timeout", "the body did not arrive in time").Hinted("send it faster, or in smaller parts")
	}
	return &vigil.Error{Kind: vigil.Invalid, Code: "body_malformed", Msg: "the body ended early or is badly framed", Err: err}
}

// plain undoes the one encoding that a route takes. Layers, and encodings that
// inflate further than gzip, are refused unread.
func plain(fctx *fasthttp.RequestCtx, body []byte, limit int64, l *loan, rt Route, buf *bytes.Buffer) ([]byte, error) {
	var names []string
	for _, v := range fctx.Request.Header.PeekAll("Content-Encoding") {
		names = append(names, strings.ToLower(strings.TrimSpace(string(v))))
	}
	encoding, hint := strings.Join(names, ","), "send it plain, or gzipped once"
	switch {
	case rt.snap && (encoding == "snappy" || encoding == ""):
		return unsnap(body, limit, l, buf)
	case rt.snap:
		hint = "send it as one block of snappy"
	case encoding == "" || encoding == "identity":
		return body, nil
	case encoding == "gzip":
		return gunzip(body, limit, l, buf)
	}
	return nil, vigil.Errorf(vigil.Unsupported, "encoding_unsupported", "the body's encoding is not supported").Hinted("%s", hint)
}

// unsnap decodes one block of snappy. The length that it claims is held against
// the limit and the budget before a byte of it is allocated.
func unsnap(body []byte, limit int64, l *loan, buf *bytes.Buffer) ([]byte, error) {
	n, err := snappy.DecodedLen(body)
	switch {
	case len(body) == 0:
		return nil, nil
	case errors.Is(err, snappy.ErrTooLarge) || int64(n) > limit:
		return nil, errTooLarge(limit)
	case err == nil:
		if lent := l.take(int64(n)); lent != nil {
			return nil, lent
		}
		buf.Grow(n)
		body, err = snappy.Decode(buf.AvailableBuffer(), body)
	}
	if err != nil {
		return nil, &vigil.Error{Kind: vigil.Invalid, Code: "body_malformed", Msg: "the body is not a block of snappy", Err: err}
	}
	return body, nil
}

func gunzip(body []byte, limit int64, l *loan, buf *bytes.Buffer) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, &vigil.Error{Kind: vigil.Invalid, Code: "body_malformed", Msg: "the body is not gzip, as its Content-Encoding says", Err: err}
	}
	defer z.Close()
	return readAll(buf, &bounded{r: z, limit: limit, total: limit, loan: l}, int64(len(body)))
}
