package notify_test

import (
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/notify"
)

func TestConfig_RefusesWhatCouldNotBeDelivered(t *testing.T) {
	t.Parallel()
	key := file(t, "k")
	good := notify.Config{Type: "webhook", URL: "https://hooks.example/vigil", SecretFile: key}
	post := notify.Config{Type: "smtp", Server: "mail.example:587", From: "a@b.example", To: []string{"c@d.example"}}
	f := func(base notify.Config, change func(*notify.Config), want string) {
		t.Helper()
		change(&base)
		err := base.Check("ops")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("Check = %v, want %q", err, want)
		}
	}
	f(good, func(*notify.Config) {}, "")
	f(good, func(c *notify.Config) { c.Type = "carrier-pigeon" }, "want webhook, slack, pagerduty, smtp or ntfy")
	f(good, func(c *notify.Config) { c.SecretFile = "" }, "webhook wants secret_file")
	f(good, func(c *notify.Config) { c.SecretFile = "key" }, "want an absolute path")
	f(good, func(c *notify.Config) { c.SecretFile = key + "x" }, "secret_file")
	f(good, func(c *notify.Config) { c.Topic = "t" }, "topic: means nothing to webhook")
	f(good, func(c *notify.Config) { c.URL = "ftp://x" }, "want for example https://")
	f(good, func(c *notify.Config) { c.URL = "https://u:p@x" }, "a credential stands in a file")
	f(good, func(c *notify.Config) { c.URL = "http://127.0.0.1:1" }, "allow_private: true")
	f(good, func(c *notify.Config) { c.URL = "http://169.254.169.254/" }, "is never dialled")
	f(good, func(c *notify.Config) { c.URLFile = key }, "exclude each other")
	f(post, func(*notify.Config) {}, "")
	f(post, func(c *notify.Config) { c.Server = "mail.example" }, "want HOST:PORT")
	f(post, func(c *notify.Config) { c.TLS = "maybe" }, "want starttls, tls or none")
	f(post, func(c *notify.Config) { c.User, c.PasswordFile, c.TLS = "u", key, "none" }, "would send the password in clear")
	f(post, func(c *notify.Config) { c.User = "u" }, "come together")
	f(post, func(c *notify.Config) { c.To = []string{"x@y.example\r\nRCPT TO:<z@y.example>"} }, "want plain addresses")
	f(post, func(c *notify.Config) { c.From = "nobody" }, "want plain addresses")
}

func TestRoute_NamesWhatThereIs(t *testing.T) {
	t.Parallel()
	channels := map[string]notify.Config{"ops": {}}
	f := func(r notify.Route, want string) {
		t.Helper()
		if err := r.Check(channels); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("Check(%+v) = %v, want %q", r, err, want)
		}
	}
	f(notify.Route{When: []string{"failed"}, To: []string{"ops"}}, "")
	f(notify.Route{When: nil, To: []string{"ops"}}, "when: want some of needs_person")
	f(notify.Route{When: []string{"fialed"}, To: []string{"ops"}}, `"fialed"`)
	f(notify.Route{When: []string{"failed"}}, "names no channel")
	f(notify.Route{When: []string{"failed"}, To: []string{"oops"}}, `"oops" is no channel`)
	f(notify.Route{When: []string{"failed"}, To: []string{"ops"}, Policies: []string{"["}}, "is no pattern")
}
