package httpd

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// actions binds the seed's audit endpoints.
func (s *site) actions() {
	s.documented("actions.list", s.listActions)
	s.documented("actions.post", s.postAction, takes[postedAction](s))
}

// postedAction is an action done elsewhere, as the seed's remediator tells it.
type postedAction struct {
	ID        string          `json:"id,omitempty"`
	Target    string          `json:"target"`
	Action    string          `json:"action"`
	Status    string          `json:"status"`
	Details   json.RawMessage `json:"details,omitempty" doc:"text, or any JSON"`
	StartedAt json.RawMessage `json:"started_at,omitempty" doc:"RFC 3339 or unix seconds; now if left out"`
}

func (s *site) listActions(ctx context.Context, c fiber.Ctx, r *request) error {
	if r.tenant.Records == nil {
		return errNotServed()
	}
	limit, err := limitOf(c, queryDefault, 1000)
	if err != nil {
		return err
	}
	rows, err := r.tenant.Records.SeedActions(ctx, limit)
	if err != nil {
		return err
	}
	if rows == nil {
		rows = []flow.SeedAction{}
	}
	return answer(c, http.StatusOK, map[string]any{"actions": rows})
}

func (s *site) postAction(ctx context.Context, c fiber.Ctx, r *request) error {
	if r.tenant.Records == nil {
		return errNotServed()
	}
	in, err := bodyAs[postedAction](r)
	if err != nil {
		return err
	}
	row, err := in.row(r.started)
	if err != nil {
		return err
	}
	rec := vigil.AuditRecord{
		At: r.started, By: r.by.Name, Verb: "action.posted", Object: row.ID, Target: row.Target, To: row.Status,
		Message: row.Action + " of " + row.Target + " was reported",
	}
	if err := r.tenant.Records.PutSeedAction(ctx, row, rec); err != nil {
		return err
	}
	return answer(c, http.StatusOK, map[string]any{"ok": true, "id": row.ID})
}

func (a postedAction) row(now time.Time) (flow.SeedAction, error) {
	row := flow.SeedAction{ID: or(a.ID, vigil.NewID("act")), Target: a.Target, Action: a.Action, Status: a.Status, Details: text(a.Details)}
	for field, bound := range map[string]struct {
		v    string
		most int
	}{"id": {row.ID, 64}, "target": {row.Target, 256}, "action": {row.Action, 128}, "status": {row.Status, 64}, "details": {or(row.Details, "-"), 64 << 10}} {
		if bound.v == "" || len(bound.v) > bound.most {
			return row, vigil.Errorf(vigil.Invalid, "action_invalid", "%s must have 1 to %d bytes", field, bound.most).With("field", field)
		}
	}
	var err error
	row.StartedAt, err = timeOf(a.StartedAt, now)
	return row, err
}

// text is a JSON string's text, or any other JSON as it is.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// timeOf reads RFC 3339 text or unix seconds; nothing is now.
func timeOf(raw json.RawMessage, now time.Time) (time.Time, error) {
	word := text(raw)
	if word == "" {
		return now, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, word); err == nil {
		return t, nil
	}
	sec, err := strconv.ParseFloat(word, 64)
	if err != nil || sec < 0 || sec > 1e11 {
		return time.Time{}, vigil.Errorf(vigil.Invalid, "action_invalid", "started_at must be RFC 3339 or unix seconds").With("field", "started_at")
	}
	return time.Unix(0, int64(sec*1e9)).UTC(), nil
}
