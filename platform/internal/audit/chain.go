package audit

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Algorithm names how links are made. It is part of what is hashed, so that a
// later algorithm can never be passed off as this one.
const Algorithm = "vigil-audit-1-sha256"

// Chain returns the link of r over prev, the link of the record before it (nil
// for the first). Every field counts but Chain itself, times to the nanosecond.
func Chain(prev []byte, r vigil.AuditRecord) []byte {
	var b []byte
	add := func(field string) {
		b = binary.BigEndian.AppendUint64(b, uint64(len(field)))
		b = append(b, field...)
	}
	add(Algorithm)
	add(string(prev))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Seq))
	b = binary.BigEndian.AppendUint64(b, uint64(r.At.Unix()))
	b = binary.BigEndian.AppendUint64(b, uint64(r.At.Nanosecond()))
	for _, field := range []string{r.By, r.Verb, r.Object, r.Target, r.From, r.To, r.Message, string(r.Detail)} {
		add(field)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// Verify walks records from the first one on and returns the Seq of the first
// that does not follow from what is before it, 0 when all do. An error is one
// of reading, and says nothing about the chain.
func Verify(records iter.Seq2[vigil.AuditRecord, error]) (firstBad int64, err error) {
	var prev []byte
	for r, err := range records {
		if err != nil {
			return 0, fmt.Errorf("read audit record after link %.12x: %w", prev, err)
		}
		want := Chain(prev, r)
		got, bad := hex.DecodeString(r.Chain)
		if bad != nil || subtle.ConstantTimeCompare(got, want) != 1 {
			return r.Seq, nil
		}
		prev = want
	}
	return 0, nil
}
