package abi

import (
	"math"
	"unsafe"
)

// Record is a decision as it lies in a reply, its fields in the order of the
// bytes. A guest fills records and an arena of text, with offsets counted from
// the arena's first byte, and AppendReply joins them.
type Record struct {
	Series   uint32
	Kind     Kind
	Severity uint8
	Runbook  uint16
	Value    float64
	Score    float64
	At       int64
	MsgOff   uint32
	MsgLen   uint32
	KVOff    uint32
	KVLen    uint32
}

// AppendReply appends the answer of vigil_eval: a count, the records, then the
// arena. It changes the records' offsets to count from the answer's first byte.
func AppendReply(dst []byte, records []Record, arena []byte) []byte {
	base := uint32(replyHead + DecisionSize*len(records))
	for i := range records {
		records[i].MsgOff += base
		records[i].KVOff += base
	}
	dst = add32(add32(dst, uint32(len(records))), 0)
	return append(addRecords(dst, records), arena...)
}

// Reply is the answer of vigil_eval in the making. Its records are written
// where they stay; a guest whose decisions have no text is done with that.
type Reply struct {
	words  []uint64 // the head, then records
	n      int
	bytes  []byte // the same, read as bytes
	joined []byte // the answer, where the records cannot stay
}

const (
	headWords   = replyHead / 8
	recordWords = DecisionSize / 8
)

// Len is the number of records.
func (r *Reply) Len() int { return r.n }

// Reset forgets the records and keeps the memory.
func (r *Reply) Reset() {
	if r.n = 0; r.words == nil {
		r.words = make([]uint64, headWords+64*recordWords)
	}
}

// At is the record i. It is valid until the next Add.
func (r *Reply) At(i int) *Record {
	return (*Record)(unsafe.Pointer(&r.words[headWords+recordWords*i]))
}

// Add appends a record, which holds anything. It is valid until the next Add.
func (r *Reply) Add() *Record {
	i := headWords + recordWords*r.n
	if i+recordWords > len(r.words) {
		r.grow()
	}
	r.n++
	return (*Record)(unsafe.Pointer(&r.words[i]))
}

func (r *Reply) grow() { r.words = append(r.words, make([]uint64, recordWords+len(r.words))...) }

// Bytes is the answer, with an arena of text from whose first byte the records'
// offsets count. It is valid until the next Reset, and changes the records.
func (r *Reply) Bytes(arena []byte) []byte {
	if len(arena) > 0 || !littleEndian() {
		return r.join(arena)
	}
	r.words[0] = uint64(r.n)
	view(&r.bytes, unsafe.Pointer(&r.words[0]), 0, uint32(replyHead+DecisionSize*r.n))
	return r.bytes
}

func (r *Reply) join(arena []byte) []byte {
	var records []Record
	if r.n > 0 {
		records = unsafe.Slice(r.At(0), r.n)
	}
	r.joined = AppendReply(r.joined[:0], records, arena)
	return r.joined
}

func addRecords(dst []byte, records []Record) []byte {
	if littleEndian() {
		return append(dst, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(records))), DecisionSize*len(records))...)
	}
	for i := range records {
		r := &records[i]
		dst = append(add32(dst, r.Series), byte(r.Kind), r.Severity)
		dst = add64(add16(dst, r.Runbook), math.Float64bits(r.Value))
		dst = add64(add64(dst, math.Float64bits(r.Score)), uint64(r.At))
		dst = add32(add32(dst, r.MsgOff), r.MsgLen)
		dst = add32(add32(dst, r.KVOff), r.KVLen)
	}
	return dst
}

func readRecord(b []byte) Record {
	_ = b[DecisionSize-1]
	return Record{
		Series: get32(b), Kind: Kind(b[4]), Severity: b[5], Runbook: get16(b[6:]),
		Value: math.Float64frombits(get64(b[8:])), Score: math.Float64frombits(get64(b[16:])), At: int64(get64(b[24:])),
		MsgOff: get32(b[32:]), MsgLen: get32(b[36:]), KVOff: get32(b[40:]), KVLen: get32(b[44:]),
	}
}
