package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Admit says whether a log may be gone on with: the key of its newest record is
// there, or somebody said that it is lost, and the tip that is known outside of
// the database is in the log. The first time it makes the key.
//
// A log without a record where one is known begins anew, and note is to be its
// first record: somebody removed the database, and can see that it was. An older
// database in place of the newer is refused: with it, fences, cooldowns and
// pauses would go back, too.
func (r *Ring) Admit(ctx context.Context, log Log, tip *vigil.AuditTip) (note *vigil.AuditRecord, err error) {
	last, err := newest(ctx, log)
	if err != nil {
		return nil, err
	}
	if last.Seq > 0 {
		if err := r.admitKey(last); err != nil {
			return nil, err
		}
		if err := r.admitTip(ctx, log, last.Seq, tip); err != nil {
			return nil, err
		}
	} else if note, err = begunAgain(tip); err != nil {
		return nil, err
	}
	if r.Ready() {
		return note, nil
	}
	return note, r.Renew()
}

func (r *Ring) admitKey(last vigil.AuditRecord) error {
	id := keyID(last.Alg)
	switch {
	case last.Alg == "" || r.knows(id) || r.gone(id) && r.Ready():
		return nil
	case !r.Ready():
		return vigil.Errorf(vigil.Unavailable, "audit_key_missing", "the audit log goes on under the key %.16q, and there is no file %s", id, r.path).
			Hinted("put the key file back; if nobody has it any more: vigil audit rekey --lost")
	}
	return vigil.Errorf(vigil.Unavailable, "audit_key_wrong", "the audit log goes on under the key %.16q, and %s does not hold it", id, r.path).
		Hinted("put the right key file back; if nobody has it any more: vigil audit rekey --lost")
}

// Rekey puts a new key in force. Without the key of the log's newest record that
// is refused, unless somebody says that all keys that are missing are lost.
func (r *Ring) Rekey(ctx context.Context, log Log, lost bool) error {
	last, err := newest(ctx, log)
	if err != nil {
		return err
	}
	if err := r.admitKey(last); err != nil && !lost {
		return err
	}
	if !lost {
		return r.Renew()
	}
	ids, err := r.missing(ctx, log)
	if err != nil {
		return err
	}
	return r.Renew(ids...)
}

// Inherit makes the ring one for a log that a person restored from a backup, and
// returns the ids of the keys that it lacks. If the newest record's is one of
// them the log goes on under a new key.
func (r *Ring) Inherit(ctx context.Context, log Log) (lost []string, err error) {
	last, err := newest(ctx, log)
	if err != nil {
		return nil, err
	}
	if lost, err = r.missing(ctx, log); err != nil {
		return nil, err
	}
	if r.admitKey(last) == nil && r.Ready() {
		return lost, r.save() // with what was adopted
	}
	return lost, r.Renew(lost...)
}

// newest is the newest record of a log, a zero one if there is none.
func newest(ctx context.Context, log Log) (vigil.AuditRecord, error) {
	recs, err := log.Audit(ctx, -1, 1)
	if err != nil || len(recs) == 0 {
		return vigil.AuditRecord{}, err
	}
	return recs[0], nil
}

// missing lists the keys that a log names and the ring does not hold.
func (r *Ring) missing(ctx context.Context, log Log) (ids []string, err error) {
	for after := int64(0); ; {
		recs, err := log.Audit(ctx, after, page)
		if err != nil || len(recs) == 0 {
			return ids, err
		}
		for _, rec := range recs {
			id := keyID(rec.Alg)
			if after = rec.Seq; id != "" && len(id) == idSize && !r.knows(id) && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
}

// admitTip looks for the record of the tip in the log.
func (r *Ring) admitTip(ctx context.Context, log Log, last int64, tip *vigil.AuditTip) error {
	if tip == nil {
		return nil
	}
	const hint = "put the newer database back; to go on with this one, copy it elsewhere and: vigil restore FILE --force, which raises fences and notes it"
	if tip.Seq > last {
		return vigil.Errorf(vigil.Unavailable, "audit_truncated", "the audit log ends at #%d, and #%d was written at %s: this is an older database, or its end was cut off",
			last, tip.Seq, tip.At.Format("2006-01-02 15:04:05")).Hinted(hint)
	}
	recs, err := log.Audit(ctx, tip.Seq-1, 1)
	if err != nil {
		return err
	}
	if len(recs) == 0 || recs[0].Seq != tip.Seq || recs[0].Chain != tip.Chain {
		return vigil.Errorf(vigil.Unavailable, "audit_rewritten", "record #%d of the audit log is not the one that was written: this is another database, or it was changed", tip.Seq).
			Hinted(hint)
	}
	return nil
}

// begunAgain is the first record of a log in a place where there was one.
func begunAgain(tip *vigil.AuditTip) (*vigil.AuditRecord, error) {
	if tip == nil {
		return nil, nil //nolint:nilnil // there was none
	}
	detail, err := json.Marshal(tip)
	if err != nil {
		return nil, fmt.Errorf("encode tip: %w", err)
	}
	return &vigil.AuditRecord{
		By: "vigil", Verb: "audit.begun", Object: "audit", Detail: detail,
		Message: fmt.Sprintf("the log that was here before, up to #%d, is gone", tip.Seq),
	}, nil
}
