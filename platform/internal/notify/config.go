package notify

import (
	"maps"
	"net"
	"net/mail"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability/egress"
	"github.com/techmedaddy/vigil/platform/internal/capability/secret"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Config is one channel: an entry of notify.channels in the configuration.
type Config struct {
	Type           string
	URL            string
	URLFile        string // instead of URL, where it is a secret
	SecretFile     string // webhook: what messages are signed with
	RoutingKeyFile string // pagerduty
	Topic          string // ntfy
	TokenFile      string // ntfy
	Server         string // smtp: host:port
	TLS            string // smtp: starttls (default), tls or none
	User           string
	PasswordFile   string
	From           string
	To             []string
	Rate           vigil.Rate // of messages; zero: 30/1m
	Timeout        vigil.Duration
	AllowPrivate   bool
	CAFile         string
}

// Route sends what has happened to channels.
type Route struct {
	When     []string // NotifyWhen, or needs_person
	Policies []string // patterns of names; empty: all, and what people ask for
	To       []string
}

const needsPerson = "needs_person"

// whens are the words of a route.
func whens() []string {
	return []string{
		needsPerson, string(vigil.WhenApproval), string(vigil.WhenFailed), string(vigil.WhenInconclusive), string(vigil.WhenTimedOut),
		string(vigil.WhenUnknown), string(vigil.WhenExhausted), string(vigil.WhenTripped), string(vigil.WhenHeld), string(vigil.WhenHealed),
	}
}

// needs are the fields that a type wants, and those that it may have.
func needs(kind string) (must, may []string) {
	switch kind {
	case "webhook":
		return []string{"secret_file", "url"}, nil
	case "slack":
		return []string{"url"}, nil
	case "pagerduty":
		return []string{"routing_key_file"}, []string{"url"}
	case "smtp":
		return []string{"server", "from", "to"}, []string{"tls", "user", "password_file"}
	case "ntfy":
		return []string{"url", "topic"}, []string{"token_file"}
	}
	return nil, nil
}

func (c Config) fields() map[string]bool {
	return map[string]bool{
		"url": c.URL != "" || c.URLFile != "", "secret_file": c.SecretFile != "", "routing_key_file": c.RoutingKeyFile != "",
		"topic": c.Topic != "", "token_file": c.TokenFile != "", "server": c.Server != "", "tls": c.TLS != "", "user": c.User != "",
		"password_file": c.PasswordFile != "", "from": c.From != "", "to": len(c.To) > 0,
	}
}

func invalid(field, format string, args ...any) error {
	return vigil.Errorf(vigil.Invalid, "channel_invalid", field+": "+format, args...).With("field", field)
}

// Check reports the first thing that makes a channel inadmissible, its files
// included. Errors are Invalid and name the field.
func (c Config) Check(name string) error {
	if !egress.ValidName(name) {
		return invalid("name", "%.60q: want letters, digits, dot, dash and underscore", name)
	}
	must, may := needs(c.Type)
	if must == nil {
		return invalid("type", "%.30q: want webhook, slack, pagerduty, smtp or ntfy", c.Type)
	}
	has := c.fields()
	for _, f := range must {
		if !has[f] {
			return invalid("type", "%s wants %s", c.Type, f)
		}
	}
	for _, f := range slices.Sorted(maps.Keys(has)) {
		if has[f] && !slices.Contains(must, f) && !slices.Contains(may, f) {
			return invalid(f, "means nothing to %s", c.Type)
		}
	}
	if c.Timeout < 0 || c.Timeout.D() > time.Minute {
		return invalid("timeout", "at most 1m")
	}
	if _, err := egress.Roots(c.CAFile); err != nil {
		return invalid("ca_file", "%v", err)
	}
	if err := c.checkFiles(); err != nil {
		return err
	}
	if c.Type == "smtp" {
		return c.checkMail()
	}
	return c.checkURL()
}

// checkFiles reads every secret once, so that a missing file shows here and not
// in the middle of an outage.
func (c Config) checkFiles() error {
	for _, f := range []struct{ field, file string }{
		{"url_file", c.URLFile},
		{"secret_file", c.SecretFile},
		{"routing_key_file", c.RoutingKeyFile},
		{"token_file", c.TokenFile},
		{"password_file", c.PasswordFile},
	} {
		if f.file == "" {
			continue
		}
		if !filepath.IsAbs(f.file) {
			return invalid(f.field, "want an absolute path")
		}
		if _, err := secret.Read(f.file); err != nil {
			return invalid(f.field, "%v", err)
		}
	}
	return nil
}

func (c Config) checkURL() error {
	if c.URL != "" && c.URLFile != "" {
		return invalid("url_file", "and url exclude each other")
	}
	field := "url"
	if c.URLFile != "" {
		field = "url_file"
	}
	raw, err := c.url()
	if err != nil {
		return invalid(field, "%v", err)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return invalid(field, "is no web address")
	}
	if says := c.gate("").CheckURL(u); says != "" {
		return invalid(field, "%s", says)
	}
	return nil
}

// url is where messages go.
func (c Config) url() (string, error) {
	switch {
	case c.URLFile != "":
		return secret.Read(c.URLFile)
	case c.URL == "" && c.Type == "pagerduty":
		return "https://events.pagerduty.com/v2/enqueue", nil
	}
	return c.URL, nil
}

func (c Config) checkMail() error {
	host, port, err := net.SplitHostPort(c.Server)
	if err != nil || host == "" || port == "" || strings.ContainsAny(c.Server, " \r\n") {
		return invalid("server", "%.100q: want HOST:PORT, for example mail.example:587", c.Server)
	}
	if says := c.gate("").Check(host); says != "" {
		return invalid("server", "%s", says)
	}
	if !slices.Contains([]string{"", "starttls", "tls", "none"}, c.TLS) {
		return invalid("tls", "%.20q: want starttls, tls or none", c.TLS)
	}
	if (c.User == "") != (c.PasswordFile == "") {
		return invalid("user", "and password_file come together")
	}
	if c.TLS == "none" && c.User != "" {
		return invalid("tls", "none would send the password in clear")
	}
	for _, a := range append([]string{c.From}, c.To...) {
		if p, err := mail.ParseAddress(a); err != nil || p.Name != "" || strings.ContainsAny(a, "\r\n") {
			return invalid("to", "%.100q: want plain addresses such as ops@example.org", a)
		}
	}
	return nil
}

func (c Config) gate(name string) egress.Gate {
	return egress.Gate{Name: "channel " + name, AllowPrivate: c.AllowPrivate}
}

// Check reports the first thing that makes a route inadmissible.
func (r Route) Check(channels map[string]Config) error {
	if len(r.When) == 0 {
		return invalid("when", "want some of %s", strings.Join(whens(), ", "))
	}
	for _, w := range r.When {
		if !slices.Contains(whens(), w) {
			return invalid("when", "%.40q: want some of %s", w, strings.Join(whens(), ", "))
		}
	}
	for _, p := range r.Policies {
		if _, err := path.Match(p, ""); err != nil {
			return invalid("policies", "%.60q is no pattern of names", p)
		}
	}
	if len(r.To) == 0 {
		return invalid("to", "names no channel")
	}
	for _, to := range r.To {
		if _, ok := channels[to]; !ok {
			return invalid("to", "%.60q is no channel", to)
		}
	}
	return nil
}

// takes reports whether the route wants to hear of something.
func (r Route) takes(n vigil.Notification) bool {
	if !slices.Contains(r.When, string(n.When)) && !(n.When.NeedsPerson() && slices.Contains(r.When, needsPerson)) {
		return false
	}
	return len(r.Policies) == 0 || slices.ContainsFunc(r.Policies, func(p string) bool {
		ok, _ := path.Match(p, n.Policy)
		return ok
	})
}

// String says what the route takes.
func (r Route) String() string {
	what := strings.Join(r.When, ", ")
	if len(r.Policies) > 0 {
		what += " of " + strings.Join(r.Policies, ", ")
	}
	return what
}
