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
