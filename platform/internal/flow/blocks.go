package flow

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
	Bytes   int64 // of its pages
	Live    bool  // it is history; otherwise it is being built or was replaced
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
