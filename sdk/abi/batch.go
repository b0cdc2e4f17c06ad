package abi

import (
	"math"
	"slices"
	"unsafe"
)

// Header says whose batch it is and when it is judged.
type Header struct {
	Flags  uint16 // FlagReplay or nothing
	Config uint32 // which policy of the module's instance, as vigil_configure was told
	Now    int64  // unix nanoseconds
	Seq    uint64 // counts the batches of one instance
}

// Row is one series of a batch and where its samples lie. Its fields are in
// the order of the bytes, so that rows are read in place.
type Row struct {
	ID    uint64 // of the series, for good
	Ref   uint32 // of the series in this instance's dictionary: small and dense
	First uint32 // index of its first sample in the columns
	Count uint32
	Flags uint32
}

// Batch is a view into a batch's bytes: rows, and samples in columns, times
// ascending within a row. It is valid as long as the bytes are.
type Batch struct {
	Header
	Rows   []Row
	Times  []int64 // unix nanoseconds
	Values []float64
}

// BatchSize is the number of bytes AppendBatch appends.
func BatchSize(rows, samples int) int { return HeaderSize + RowSize*rows + 16*samples }

// AppendBatch appends a batch to dst, which should be 8-aligned at its end. It
// does not allocate when dst has room for BatchSize, so a host may hand it a
// slice of the guest's memory. Times and values have the same length and the
// rows' samples lie within them.
func AppendBatch(dst []byte, h Header, rows []Row, times []int64, values []float64) []byte {
	dst = slices.Grow(dst, BatchSize(len(rows), len(times)))
	offTimes := HeaderSize + RowSize*len(rows)
	dst = addHead(dst, &head{
		magic: Magic, version: Version, flags: h.Flags,
		total: uint32(BatchSize(len(rows), len(times))), rows: uint32(len(rows)), samples: uint32(len(times)),
		offRows: HeaderSize, offTimes: uint32(offTimes), offValues: uint32(offTimes + 8*len(times)),
		now: h.Now, seq: h.Seq, config: h.Config,
	})
	dst = addRows(dst, rows)
	dst = addColumn(dst, times)
	return addColumn(dst, values[:len(times)])
}

func addHead(dst []byte, h *head) []byte {
	if littleEndian() {
		return append(dst, unsafe.Slice((*byte)(unsafe.Pointer(h)), HeaderSize)...)
	}
	dst = add16(add16(add32(dst, h.magic), h.version), h.flags)
	for _, v := range [...]uint32{h.total, h.rows, h.samples, h.offRows, h.offTimes, h.offValues} {
		dst = add32(dst, v)
	}
	dst = add32(add64(add64(dst, uint64(h.now)), h.seq), h.config)
	return append(dst, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
}

func addRows(dst []byte, rows []Row) []byte {
	if littleEndian() {
		return append(dst, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(rows))), RowSize*len(rows))...)
	}
	for _, r := range rows {
		dst = add64(dst, r.ID)
		for _, v := range [...]uint32{r.Ref, r.First, r.Count, r.Flags} {
			dst = add32(dst, v)
		}
	}
	return dst
}

// head is a batch's header as it lies in memory, in the order of the bytes.
type head struct {
	magic                        uint32
	version, flags               uint16
	total, rows, samples         uint32
	offRows, offTimes, offValues uint32
	now                          int64
	seq                          uint64
	config                       uint32
	zero                         [3]uint32
}

// ReadBatch reads a batch in place. Bytes that are not 8-aligned are copied.
func ReadBatch(b []byte) (batch Batch, err error) {
	err = batch.Read(b)
	return batch, err
}

// Read is ReadBatch into a batch that is used again and again. After an error
// the batch must not be used.
//
// It makes no calls on its straight way: in a sandbox one costs more than all
// that is checked here.
func (batch *Batch) Read(b []byte) error {
	start := unsafe.Pointer(unsafe.SliceData(b))
	if len(b) < HeaderSize || !viewable(b) {
		return batch.copy(b)
	}
	h := (*head)(start)
	if h.magic != Magic || h.version != Version || !h.placed() || !h.inside(len(b)) {
		return h.fault(len(b))
	}
	batch.Flags, batch.Config, batch.Now, batch.Seq = h.flags, h.config, h.now, h.seq
	view(&batch.Rows, start, h.offRows, h.rows)
	view(&batch.Times, start, h.offTimes, h.samples)
	view(&batch.Values, start, h.offValues, h.samples)
	return batch.checkRows()
}

// checkRows checks that the samples of each row are there. The loop ends at its
// foot, for one row in no turn: see policy.Series.RunEnd.
func (batch *Batch) checkRows() error {
	if len(batch.Rows) == 0 {
		return nil
	}
	for i := 0; ; {
		if r := &batch.Rows[i]; uint64(r.First)+uint64(r.Count) > uint64(len(batch.Values)) {
			return bad("batch row", i)
		}
		if i++; i == len(batch.Rows) {
			return nil
		}
	}
}

// placed reports whether rows and columns begin where they may.
func (h *head) placed() bool {
	return (h.offRows|h.offTimes|h.offValues)%8 == 0 && min(h.offRows, h.offTimes, h.offValues) >= HeaderSize
}

// inside reports whether they lie in a message of size bytes.
func (h *head) inside(size int) bool {
	return h.total >= HeaderSize && uint64(h.total) <= uint64(size) && region(h.offRows, h.rows, RowSize, h.total) &&
		region(h.offTimes, h.samples, 8, h.total) && region(h.offValues, h.samples, 8, h.total)
}

// fault says what is wrong with a header of size bytes.
func (h *head) fault(size int) error {
	switch {
	case h.magic != Magic:
		return bad("batch magic", -1)
	case h.version != Version:
		return &FormatError{Errno: ErrUnsupported, What: "batch version", Index: int(h.version)}
	case h.total < HeaderSize || uint64(h.total) > uint64(size):
		return bad("batch length", -1)
	}
	return bad("batch offsets", -1)
}

func readHead(b []byte) head {
	return head{
		magic: get32(b), version: get16(b[4:]), flags: get16(b[6:]),
		total: get32(b[8:]), rows: get32(b[12:]), samples: get32(b[16:]),
		offRows: get32(b[20:]), offTimes: get32(b[24:]), offValues: get32(b[28:]),
		now: int64(get64(b[32:])), seq: get64(b[40:]), config: get32(b[48:]),
	}
}

// copy reads a batch that cannot be read in place.
func (batch *Batch) copy(b []byte) error {
	if len(b) < HeaderSize {
		return bad("batch header", -1)
	}
	h := readHead(b)
	if h.magic != Magic || h.version != Version || !h.placed() || !h.inside(len(b)) {
		return h.fault(len(b))
	}
	batch.Flags, batch.Config, batch.Now, batch.Seq = h.flags, h.config, h.now, h.seq
	batch.Rows = make([]Row, h.rows)
	for i := range batch.Rows {
		r := b[int(h.offRows)+RowSize*i:]
		batch.Rows[i] = Row{ID: get64(r), Ref: get32(r[8:]), First: get32(r[12:]), Count: get32(r[16:]), Flags: get32(r[20:])}
	}
	batch.Times, batch.Values = make([]int64, h.samples), make([]float64, h.samples)
	for i := range batch.Times {
		batch.Times[i] = int64(get64(b[int(h.offTimes)+8*i:]))
		batch.Values[i] = math.Float64frombits(get64(b[int(h.offValues)+8*i:]))
	}
	return batch.checkRows()
}
