package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability/secret"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	maxAnswer = 4 << 10 // bytes that are read of one
	maxAfter  = time.Hour
)

// failure is a delivery that did not succeed.
type failure struct {
	says  string
	final bool          // trying again cannot help
	after time.Duration // the other side asked for this much patience
}

func (f *failure) Error() string { return f.says }

// web speaks to all that take a POST of JSON.
type web struct {
	c    Config
	http *http.Client
	now  func() time.Time
}

// message is what goes over the wire.
type message struct {
	body    any
	raw     []byte // body as it is sent
	header  http.Header
	secrets []string
}

func (w web) send(ctx context.Context, ns []vigil.Notification) (answer string, secrets []string, err error) {
	to, err := w.c.url()
	if err != nil {
		return "", nil, err
	}
	m := &message{header: http.Header{"Content-Type": {"application/json"}, "User-Agent": {"vigil"}}}
	if w.c.URLFile != "" {
		m.secrets = append(m.secrets, to)
		if u, err := url.Parse(to); err == nil {
			m.secrets = append(m.secrets, u.RequestURI())
		}
	}
	if err := w.compose(m, ns); err != nil {
		return "", m.secrets, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(m.raw))
	if err != nil {
		return "", m.secrets, err
	}
	req.Header = m.header
	resp, err := w.http.Do(req)
	if err != nil {
		return "", m.secrets, err
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status is what counts
	answer = strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, said))
	if resp.StatusCode/100 == 2 {
		return answer, m.secrets, nil
	}
	return answer, m.secrets, &failure{says: answer, final: final(resp.StatusCode), after: w.patience(resp)}
}

// final says which answers are about the message itself. A wrong credential or
// address may be put right while the message waits.
func final(status int) bool {
	return slices.Contains([]int{http.StatusBadRequest, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, status)
}

func (w web) patience(resp *http.Response) time.Duration {
	s := resp.Header.Get("Retry-After")
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return min(time.Duration(min(n, 1<<20))*time.Second, maxAfter)
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(max(at.Sub(w.now()), 0), maxAfter)
	}
	return 0
}

// compose writes the message in the words of the channel.
func (w web) compose(m *message, ns []vigil.Notification) (err error) {
	switch w.c.Type {
	case "slack":
		m.body = slack(ns)
	case "ntfy":
		m.body, err = w.ntfy(m, ns)
	case "pagerduty":
		m.body, err = w.pagerduty(m, ns[0])
	default:
		m.body = hook(ns[0])
	}
	if err != nil {
		return err
	}
	if m.raw, err = json.Marshal(m.body); err != nil || w.c.Type != "webhook" {
		return err
	}
	return w.sign(m, ns[0].ID)
}

// hook is a notification as a receiver of webhooks gets it.
func hook(n vigil.Notification) any {
	type public struct {
		ID          string           `json:"id"`
		Verb        vigil.NotifyVerb `json:"verb"`
		When        vigil.NotifyWhen `json:"when"`
		Key         string           `json:"key"`
		Policy      string           `json:"policy,omitempty"`
		Target      string           `json:"target,omitempty"`
		Remediation string           `json:"remediation,omitempty"`
		Episode     string           `json:"episode,omitempty"`
		Summary     string           `json:"summary"`
		Detail      string           `json:"detail,omitempty"`
		NeedsPerson bool             `json:"needs_person"`
	}
	return struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      public    `json:"data"`
	}{"vigil." + string(n.Verb), n.At, public{
		n.ID, n.Verb, n.When, n.Key, n.Policy, n.Target, n.Remediation, n.Episode, n.Summary, n.Detail, n.When.NeedsPerson(),
	}}
}

// sign follows Standard Webhooks 1.0: HMAC-SHA-256 over id, time and body.
func (w web) sign(m *message, id string) error {
	key, err := secret.Read(w.c.SecretFile)
	if err != nil {
		return err
	}
	m.secrets = append(m.secrets, key)
	raw := []byte(key)
	if b64, ok := strings.CutPrefix(key, "whsec_"); ok {
		if raw, err = base64.StdEncoding.DecodeString(b64); err != nil {
			return invalid("secret_file", "what follows whsec_ is not base64")
		}
	}
	at := strconv.FormatInt(w.now().Unix(), 10)
	mac := hmac.New(sha256.New, raw)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, at, m.raw) // a hash takes everything
	m.header["webhook-id"] = []string{id}
	m.header["webhook-timestamp"] = []string{at}
	m.header["webhook-signature"] = []string{"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))}
	return nil
}

// slack is plain text, in which nothing is a link or a mention; the fallback of
// old clients and of previews is escaped as Slack's documentation says.
func slack(ns []vigil.Notification) any {
	text := heading(ns) + "\n" + body(ns)
	if len(text) > 2900 { // of 3,000 characters
		text = strings.ToValidUTF8(text[:2900], "")
	}
	type obj map[string]any
	return obj{
		"text":   strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(heading(ns)),
		"blocks": []obj{{"type": "section", "text": obj{"type": "plain_text", "text": text, "emoji": false}}},
	}
}

// ntfy publishes as JSON, so that no name gets near a header.
func (w web) ntfy(m *message, ns []vigil.Notification) (any, error) {
	if w.c.TokenFile != "" {
		token, err := secret.Read(w.c.TokenFile)
		if err != nil {
			return nil, err
		}
		m.secrets = append(m.secrets, token)
		m.header.Set("Authorization", "Bearer "+token)
	}
	priority := 2
	if slices.ContainsFunc(ns, func(n vigil.Notification) bool { return n.When.NeedsPerson() }) {
		priority = 4
	}
	text := body(ns)
	if len(text) > 3800 { // of 4,096 bytes
		text = strings.ToValidUTF8(text[:3800], "")
	}
	return map[string]any{"topic": w.c.Topic, "title": heading(ns), "message": text, "priority": priority}, nil
}

// pagerduty is an event of the Events API v2.
func (w web) pagerduty(m *message, n vigil.Notification) (any, error) {
	key, err := secret.Read(w.c.RoutingKeyFile)
	if err != nil {
		return nil, err
	}
	m.secrets = append(m.secrets, key)
	event := map[string]any{"routing_key": key, "event_action": string(n.Verb), "dedup_key": dedup(n.Key), "client": "Vigil"}
	if n.Verb == vigil.NotifyTest {
		event["event_action"] = string(vigil.Trigger)
	}
	if n.Verb != vigil.Trigger && n.Verb != vigil.NotifyTest {
		return event, nil
	}
	severity := "info"
	if n.When.NeedsPerson() {
		severity = "critical"
	}
	source := n.Target
	if source == "" {
		source = "vigil"
	}
	event["payload"] = map[string]any{
		"summary": line(n.Summary, 1024), "source": source, "severity": severity, "timestamp": n.At.Format(time.RFC3339),
		"class": string(n.When), "custom_details": map[string]string{"detail": line(n.Detail, 500), "policy": n.Policy, "next": next(n)},
	}
	return event, nil
}

// dedup fits a key into the 255 characters that PagerDuty takes.
func dedup(key string) string {
	if len(key) <= 255 {
		return key
	}
	return dedupID(key)
}

// dedupID is a key as one word of letters and digits.
func dedupID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
