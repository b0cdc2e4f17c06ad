package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// keepTranscripts bounds the host calls that are kept for replays: those of the
// newest evaluations, each bounded by whoever recorded it.
const keepTranscripts = 1_000

// transcripts are the host calls of some decisions, each set once.
type transcripts struct {
	hashes []string // beside the decisions; "": it has none
	bodies []string // in the order of the decisions
}

// transcriptsOf encodes the host calls of decisions. Those of one evaluation
// share their calls, which are encoded once.
func transcriptsOf(ds []vigil.Decision) (transcripts, error) {
	all := transcripts{hashes: make([]string, len(ds))}
	for i, d := range ds {
		if len(d.Calls) == 0 {
			continue
		}
		if i > 0 && len(ds[i-1].Calls) > 0 && &ds[i-1].Calls[0] == &d.Calls[0] {
			all.hashes[i] = all.hashes[i-1]
			continue
		}
		body, err := encode(d.Calls)
		if err != nil {
			return all, err
		}
		all.hashes[i] = hashOf(body)
		all.bodies = append(all.bodies, body)
	}
	return all, nil
}

func hashOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

func (db *DB) saveTranscripts(ctx context.Context, t *tx, all transcripts) error {
	if len(all.bodies) == 0 {
		return nil
	}
	for _, body := range all.bodies {
		t.w.wal.bytes += len(body)
		// The newest user of a row decides how long it is kept.
		_, err := t.exec(ctx, `INSERT OR REPLACE INTO transcripts (seq, tenant, hash, body)
			VALUES ((SELECT coalesce(max(seq), 0) + 1 FROM transcripts), ?, ?, ?)`, db.o.Tenant, hashOf(body), body)
		if err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, `DELETE FROM transcripts WHERE seq <= (SELECT max(seq) FROM transcripts) - ?`, keepTranscripts)
	return err
}

// transcript returns host calls that are kept, or none.
func (db *DB) transcript(ctx context.Context, hash string) ([]vigil.HostCall, error) {
	var body string
	found, err := db.one(ctx, []any{&body}, `SELECT body FROM transcripts WHERE hash = ?`, hash)
	if err != nil || !found {
		return nil, err
	}
	return decode[[]vigil.HostCall](body)
}
