package flow

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// Block is a set of pages that were made together: from a run of the metric
// log, or from other blocks. Its id, and the order of ids within First, is the
// metric store's.
type Block struct {
	ID      int64
	Level   int   // 0 was made from the log
	First   int64 // number of the first sample of the log that it covers; newer samples are in blocks with a higher one
	MinTime int64 // unix nanoseconds, as all times here; both ends are included
	MaxTime int64
	Samples int64
	Bytes   int64  // of its pages
	Index   uint32 // CRC-32C of what the PageRefs of its pages say, in their order
	Live    bool   // it is history; otherwise it is being built or was replaced
}

// EmptyBlock returns a block without pages, to which Count adds.
func EmptyBlock(id int64, level int, first int64) Block {
	return Block{ID: id, Level: level, First: first, MinTime: math.MaxInt64, MaxTime: math.MinInt64}
}

// Count adds a page of so many bytes after those that the block has.
func (b *Block) Count(p PageRef, bytes int) {
	b.MinTime, b.MaxTime = min(b.MinTime, p.MinTime), max(b.MaxTime, p.MaxTime)
	b.Samples += int64(p.Samples)
	b.Bytes += int64(bytes)
	said := make([]byte, 0, 40)
	for _, v := range [...]uint64{p.MinSeries, p.MaxSeries, uint64(p.MinTime), uint64(p.MaxTime), uint64(p.Samples)} {
		said = binary.LittleEndian.AppendUint64(said, v)
	}
	b.Index = crc32.Update(b.Index, crc32.MakeTable(crc32.Castagnoli), said)
}

// Lists says whether these are all of the block's pages, as they were found by
// their index.
func (b Block) Lists(pages []PageRef) bool {
	found := EmptyBlock(b.ID, b.Level, b.First)
	for _, p := range pages {
		found.Count(p, 0)
	}
	return found.Index == b.Index && found.Samples == b.Samples && found.MinTime == b.MinTime && found.MaxTime == b.MaxTime
}

// Sealed is what a database says of sealed history.
type Sealed struct {
	Blocks  []Block // all, live or not, the one with the oldest samples of the log first
	LogUpTo int64   // rows of the log up to this id are in live blocks
	LastID  int64   // highest id of a block in any row, also of one that is gone
	Damaged []error // rows that are not what was written; their blocks are not among Blocks
}

// PageRef says what a page covers, without its bytes.
type PageRef struct {
	ID        int64 // 0 until it is on disk
	Block     int64
	MinSeries uint64
	MaxSeries uint64
	MinTime   int64
	MaxTime   int64
	Samples   int
}

// Page is some compressed chunks of many series.
type Page struct {
	PageRef
	Checksum uint64 // of Data and of what PageRef says; as metrics makes it
	Data     []byte
}

// Settlement is a change of what is history, made whole or not at all: a block
// appears and what it was made from goes.
type Settlement struct {
	Live    *Block  // it becomes live; nil if nothing does
	Dead    []int64 // ids of blocks that are live no more
	LogUpTo int64   // rows of the log up to this id are in blocks now; 0 changes nothing
	Aside   []int64 // of these rows, the damaged ones: kept for a person
}

// LogSpan is a run of rows of the log.
type LogSpan struct {
	LastID  int64
	First   int64 // number of its first sample
	Samples int64
	Bytes   int64
	MinTime int64
	MaxTime int64
}
