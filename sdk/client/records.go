package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Remediators lists the remediators and the services they reach.
func (c *Client) Remediators(ctx context.Context) ([]vigil.Remediator, error) {
	return list[vigil.Remediator](ctx, c, "/api/v1/remediators", nil)
}

// Episodes lists episodes, newest first.
func (c *Client) Episodes(ctx context.Context, n int) ([]vigil.Episode, error) {
	q := url.Values{}
	limit(q, n)
	return list[vigil.Episode](ctx, c, "/api/v1/episodes", q)
}

// Why tells why Vigil did, or did not, act on what is asked about: a target, the
// id of an episode or a remediation, or a policy's name.
func (c *Client) Why(ctx context.Context, of string) (vigil.Reasons, error) {
	var said vigil.Reasons
	_, err := c.call(ctx, ask{method: http.MethodGet, path: "/api/v1/why", query: url.Values{"of": {of}}}, nil, &said)
	return said, err
}

// Decisions lists decisions, newest first, of one policy or (policy "") of all.
func (c *Client) Decisions(ctx context.Context, policy string, n int) ([]vigil.Decision, error) {
	q := url.Values{}
	limit(q, n)
	if policy != "" {
		q.Set("policy", policy)
	}
	return list[vigil.Decision](ctx, c, "/api/v1/decisions", q)
}

// Decision shows a decision.
func (c *Client) Decision(ctx context.Context, id string) (vigil.Decision, error) {
	return one[vigil.Decision](ctx, c, http.MethodGet, at("/api/v1/decisions", id), nil)
}

// Audit reads the audit log, oldest first, behind the record after; with a
// negative after, its end.
func (c *Client) Audit(ctx context.Context, after int64, n int) ([]vigil.AuditRecord, error) {
	q := url.Values{"after": {strconv.FormatInt(after, 10)}}
	limit(q, n)
	return list[vigil.AuditRecord](ctx, c, "/api/v1/audit", q)
}

// AuditFor reads what the audit log says about one object, oldest first.
func (c *Client) AuditFor(ctx context.Context, object string) ([]vigil.AuditRecord, error) {
	return list[vigil.AuditRecord](ctx, c, "/api/v1/audit", url.Values{"object": {object}})
}

// AuditCheck has the collector check at most n records of its audit log behind
// one that was found sound; 0 begins.
func (c *Client) AuditCheck(ctx context.Context, after int64, n int) (check vigil.AuditCheck, err error) {
	q := url.Values{"after": {strconv.FormatInt(after, 10)}}
	limit(q, n)
	_, err = c.call(ctx, ask{method: http.MethodGet, path: "/api/v1/audit:verify", query: q}, nil, &check)
	return check, err
}

// KillSwitch stops every new action while engaged.
type KillSwitch struct {
	Engaged bool      `json:"engaged"`
	By      string    `json:"by,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// KillSwitch shows the kill switch.
func (c *Client) KillSwitch(ctx context.Context) (KillSwitch, error) {
	return one[KillSwitch](ctx, c, http.MethodGet, "/api/v1/killswitch", nil)
}

// SetKillSwitch engages or lifts the kill switch.
func (c *Client) SetKillSwitch(ctx context.Context, engaged bool, reason string) (KillSwitch, error) {
	in := struct {
		Engaged bool   `json:"engaged"`
		Reason  string `json:"reason,omitempty"`
	}{engaged, reason}
	return one[KillSwitch](ctx, c, http.MethodPut, "/api/v1/killswitch", in)
}
