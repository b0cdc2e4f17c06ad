package sqlite

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// sum is a CRC-32C over the columns of a row, begun with zero. SQLite finds
// damage of its own structure only; what a column holds is checked here.
type sum uint32

func (s sum) int(v int64) sum {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(v))
	return s.bytes(b[:])
}

// text adds a column of any length; the length is part of it, so that no byte
// can move to the column beside.
func (s sum) text(v string) sum { return s.int(int64(len(v))).bytes([]byte(v)) }

func (s sum) bytes(b []byte) sum {
	return sum(crc32.Update(uint32(s), crc32.MakeTable(crc32.Castagnoli), b))
}

// blockSum covers all columns of a row of blocks.
func blockSum(tenant string, b flow.Block) int64 {
	live := int64(0)
	if b.Live {
		live = 1
	}
	return int64(sum(0).int(b.ID).text(tenant).int(int64(b.Level)).int(b.First).int(b.MinTime).int(b.MaxTime).
		int(b.Samples).int(b.Bytes).int(int64(b.Index)).int(live))
}

// sealedSum covers the row of log_sealed.
func sealedSum(one, upto, samples int64) int64 { return int64(sum(0).int(one).int(upto).int(samples)) }

// asideSum covers a row of log_aside as it lies there, right or wrong.
func asideSum(id, checksum int64, batch []byte) int64 {
	return int64(sum(0).int(id).int(checksum).bytes(batch))
}

// A series' checksum has two halves, since only one of them changes: the high
// one covers who it is, the low one when it was seen.
const seriesHalf = 32

func seriesSum(id int64, tenant, name, labels string, seen int64) int64 {
	return int64(uint64(sum(0).int(id).text(tenant).text(name).text(labels))<<seriesHalf | uint64(seenSum(id, seen)))
}

func seenSum(id, seen int64) int64 { return int64(sum(0).int(id).int(seen)) }

// logColumns are the columns of a row of the log but its batch.
type logColumns struct {
	id, first, samples, minTime, maxTime, size int64
	tenant                                     string
	checksum                                   int64
}

// logScanned is the order in which a row of the log is read into its columns.
const logScanned = "id, tenant, first, samples, min_time, max_time, size, checksum"

func (l *logColumns) dest() []any {
	return []any{&l.id, &l.tenant, &l.first, &l.samples, &l.minTime, &l.maxTime, &l.size, &l.checksum}
}

// logCovered marks a checksum whose high half covers the columns beside the
// batch; rows of the first versions have zeros there. They are sealed, and so
// gone, within hours.
const logCovered = 1 << 31

func (l *logColumns) sum() uint32 {
	return uint32(sum(0).int(l.id).text(l.tenant).int(l.first).int(l.samples).int(l.minTime).int(l.maxTime).int(l.size)) | logCovered
}

// cover puts the sum of the columns beside that of the batch.
func (l *logColumns) cover(batch uint32) int64 { return int64(uint64(l.sum())<<32 | uint64(batch)) }

// sound says whether the columns are what was written.
func (l *logColumns) sound() bool {
	high := uint32(uint64(l.checksum) >> 32)
	return high == l.sum() || high == 0
}

// batchSum is what the batch's checksum must be; it is none that a batch has
// when the columns are not sound, so that whoever checks it finds the damage.
func (l *logColumns) batchSum(batch []byte) uint32 {
	if l.sound() {
		return uint32(uint64(l.checksum) & math.MaxUint32)
	}
	return ^uint32(sum(0).bytes(batch))
}
