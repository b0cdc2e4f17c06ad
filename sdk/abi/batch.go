package abi

import (
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
	offTimes := HeaderSize + RowSize*len(rows)
	dst = slices.Grow(dst, BatchSize(len(rows), len(times)))
	dst = add32(dst, Magic)
	dst = add16(dst, Version)
	dst = add16(dst, h.Flags)
	dst = add32(dst, uint32(BatchSize(len(rows), len(times))))
	dst = add32(dst, uint32(len(rows)))
	dst = add32(dst, uint32(len(times)))
	dst = add32(dst, HeaderSize)
	dst = add32(dst, uint32(offTimes))
	dst = add32(dst, uint32(offTimes+8*len(times)))
	dst = add64(dst, uint64(h.Now))
	dst = add64(dst, h.Seq)
	dst = add32(dst, h.Config)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = addRows(dst, rows)
	dst = addColumn(dst, times)
	return addColumn(dst, values[:len(times)])
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
func (batch *Batch) Read(b []byte) error {
	if len(b) < HeaderSize {
		return bad("batch header", -1)
	}
	if viewable(b) {
		return batch.read(b, (*head)(unsafe.Pointer(unsafe.SliceData(b))))
	}
	h := readHead(b)
	return batch.read(b, &h)
}

func (batch *Batch) read(b []byte, h *head) error {
	switch {
	case h.magic != Magic:
		return bad("batch magic", -1)
	case h.version != Version:
		return &FormatError{Errno: ErrUnsupported, What: "batch version", Index: int(h.version)}
	case h.total < HeaderSize || uint64(h.total) > uint64(len(b)):
		return bad("batch length", -1)
	case (h.offRows|h.offTimes|h.offValues)%8 != 0 || min(h.offRows, h.offTimes, h.offValues) < HeaderSize ||
		!region(h.offRows, h.rows, RowSize, h.total) ||
		!region(h.offTimes, h.samples, 8, h.total) || !region(h.offValues, h.samples, 8, h.total):
		return bad("batch offsets", -1)
	}
	batch.Flags, batch.Config, batch.Now, batch.Seq = h.flags, h.config, h.now, h.seq
	batch.Rows = readRows(b[h.offRows:h.total], int(h.rows))
	batch.Times = column[int64](b[h.offTimes:h.total], int(h.samples))
	batch.Values = column[float64](b[h.offValues:h.total], int(h.samples))
	for i := range batch.Rows {
		if r := &batch.Rows[i]; uint64(r.First)+uint64(r.Count) > uint64(h.samples) {
			return bad("batch row", i)
		}
	}
	return nil
}

func readHead(b []byte) head {
	return head{
		magic: get32(b), version: get16(b[4:]), flags: get16(b[6:]),
		total: get32(b[8:]), rows: get32(b[12:]), samples: get32(b[16:]),
		offRows: get32(b[20:]), offTimes: get32(b[24:]), offValues: get32(b[28:]),
		now: int64(get64(b[32:])), seq: get64(b[40:]), config: get32(b[48:]),
	}
}

func readRows(b []byte, n int) []Row {
	if n == 0 {
		return nil
	}
	if viewable(b) {
		return unsafe.Slice((*Row)(unsafe.Pointer(unsafe.SliceData(b))), n)
	}
	rows := make([]Row, n)
	for i := range rows {
		r := b[RowSize*i:]
		rows[i] = Row{ID: get64(r), Ref: get32(r[8:]), First: get32(r[12:]), Count: get32(r[16:]), Flags: get32(r[20:])}
	}
	return rows
}
