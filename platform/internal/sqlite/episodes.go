package sqlite

import (
	"context"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// keepRows bounds the tables that grow with every change of mind: the newest
// rows are kept, and open episodes always.
const keepRows = 50_000

// OpenEpisodes returns the episodes that are not resolved, oldest first.
func (db *DB) OpenEpisodes(ctx context.Context) ([]vigil.Episode, error) {
	eps, err := bodies(ctx, db, decodeEpisode, `SELECT body FROM episodes WHERE state <> 'resolved' ORDER BY seq`)
	return eps, wrap(err, "list open episodes")
}

// Episodes returns the newest episodes, newest first.
func (db *DB) Episodes(ctx context.Context, limit int) ([]vigil.Episode, error) {
	eps, err := bodies(ctx, db, decodeEpisode, `SELECT body FROM episodes ORDER BY seq DESC LIMIT ?`, limited(limit))
	return eps, wrap(err, "list episodes")
}

// EpisodesOf returns the newest episodes of a policy, newest first.
func (db *DB) EpisodesOf(ctx context.Context, policy string, limit int) ([]vigil.Episode, error) {
	eps, err := bodies(ctx, db, decodeEpisode, `SELECT body FROM episodes WHERE policy = ? ORDER BY seq DESC LIMIT ?`, policy, limited(limit))
	return eps, wrap(err, "list episodes of %s", policy)
}

// EpisodesAt returns the newest episodes of a target, newest first. A target
// without a host stands for that target on every host.
func (db *DB) EpisodesAt(ctx context.Context, target string, limit int) ([]vigil.Episode, error) {
	eps, err := bodies(ctx, db, decodeEpisode,
		`SELECT body FROM episodes WHERE target = ? OR substr(target, 1, length(?) + 1) = ? || '@' ORDER BY seq DESC LIMIT ?`, target, target, target, limited(limit))
	return eps, wrap(err, "list episodes of %s", target)
}

// Episode returns one episode.
func (db *DB) Episode(ctx context.Context, id string) (vigil.Episode, error) {
	ep, err := body(ctx, db, decodeEpisode,
		vigil.Errorf(vigil.NotFound, "episode_unknown", "no episode %.40q", id).Hinted("vigil target ls"),
		`SELECT body FROM episodes WHERE id = ?`, id)
	return ep, wrap(err, "read episode %s", id)
}

// SaveEpisodes stores changed episodes and new decisions together, and what
// people are told of them.
func (db *DB) SaveEpisodes(ctx context.Context, eps []vigil.Episode, ds []vigil.Decision, notices ...vigil.Notification) error {
	if len(eps)+len(ds)+len(notices) == 0 {
		return nil
	}
	epBodies, err := encodeAll(eps, encodeEpisode)
	if err != nil {
		return wrap(err, "save episodes")
	}
	said, err := transcriptsOf(ds)
	if err != nil {
		return wrap(err, "save decisions")
	}
	dBodies := make([]string, len(ds))
	for i, d := range ds {
		if dBodies[i], err = encodeDecision(d, said.hashes[i]); err != nil {
			return wrap(err, "save decisions")
		}
	}
	err = db.write(ctx, func(ctx context.Context, t *tx) error {
		for i, e := range eps {
			if err := db.saveEpisode(ctx, t, e, epBodies[i]); err != nil {
				return err
			}
		}
		if err := db.saveTranscripts(ctx, t, said); err != nil {
			return err
		}
		for i, d := range ds {
			if err := db.saveDecision(ctx, t, d, dBodies[i]); err != nil {
				return err
			}
		}
		return db.post(ctx, t, notices)
	})
	return wrap(err, "save %d episodes and %d decisions", len(eps), len(ds))
}

func encodeAll[T any](items []T, encode func(T) (string, error)) ([]string, error) {
	out := make([]string, len(items))
	for i, v := range items {
		var err error
		if out[i], err = encode(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (db *DB) saveEpisode(ctx context.Context, t *tx, e vigil.Episode, body string) error {
	_, err := t.exec(ctx, `INSERT INTO episodes (id, tenant, policy, target, state, body) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body`,
		e.ID, db.o.Tenant, e.Policy, e.Target.String(), string(e.State), body)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `DELETE FROM episodes WHERE seq <= (SELECT max(seq) FROM episodes) - ? AND state = 'resolved'`, keepRows)
	return err
}

func (db *DB) saveDecision(ctx context.Context, t *tx, d vigil.Decision, body string) error {
	_, err := t.exec(ctx, `INSERT INTO decisions (id, tenant, policy, target, verdict, body) VALUES (?, ?, ?, ?, ?, ?)`,
		d.ID, db.o.Tenant, d.Policy, d.Target.String(), string(d.Verdict), body)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `DELETE FROM decisions WHERE seq <= (SELECT max(seq) FROM decisions) - ?`, keepRows)
	return err
}

// Decisions returns the newest decisions of a policy ("" for all), newest first,
// without their host calls.
func (db *DB) Decisions(ctx context.Context, policy string, limit int) ([]vigil.Decision, error) {
	query, args := `SELECT body FROM decisions ORDER BY seq DESC LIMIT ?`, []any{limited(limit)}
	if policy != "" {
		query, args = `SELECT body FROM decisions WHERE policy = ? ORDER BY seq DESC LIMIT ?`, []any{policy, limited(limit)}
	}
	ds, err := bodies(ctx, db, decodeDecision, query, args...)
	return ds, wrap(err, "list decisions")
}

// Decision returns one decision, with its host calls while they are kept.
func (db *DB) Decision(ctx context.Context, id string) (vigil.Decision, error) {
	b, err := body(ctx, db, decode[decisionBody],
		vigil.Errorf(vigil.NotFound, "decision_not_found", "no decision %q", id),
		`SELECT body FROM decisions WHERE id = ?`, id)
	d := b.decision()
	if err == nil && b.Transcript != "" {
		d.Calls, err = db.transcript(ctx, b.Transcript)
	}
	return d, wrap(err, "read decision %s", id)
}
