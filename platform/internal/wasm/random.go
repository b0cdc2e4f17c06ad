package wasm

import (
	"encoding/binary"
	"math/rand/v2"
)

// evaluationRandom draws the same numbers for the same question. Most guests
// draw none, so that the generator is seeded by the first who asks.
type evaluationRandom struct {
	now    int64
	seq    uint64
	source *rand.ChaCha8
	seeded bool
}

// begin sets the question.
func (r *evaluationRandom) begin(now int64, seq uint64) { r.now, r.seq, r.seeded = now, seq, false }

func (r *evaluationRandom) Read(b []byte) (int, error) {
	if !r.seeded {
		var seed [32]byte
		binary.LittleEndian.PutUint64(seed[:], uint64(r.now))
		binary.LittleEndian.PutUint64(seed[8:], r.seq)
		if r.source == nil {
			r.source = rand.NewChaCha8(seed)
		}
		r.source.Seed(seed)
		r.seeded = true
	}
	return r.source.Read(b)
}
