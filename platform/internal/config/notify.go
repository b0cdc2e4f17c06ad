package config

import "github.com/techmedaddy/vigil/sdk/vigil"

// Notify says whom Vigil tells of what.
type Notify struct {
	Channels map[string]Channel `yaml:"channels" json:"channels,omitempty"`
	Routes   []Route            `yaml:"routes" json:"routes,omitempty"` // none: all channels are told what needs a person
}

// Channel is one way to people. Which fields it has depends on its type.
type Channel struct {
	Type           string         `yaml:"type" json:"type"`                                   // webhook, slack, pagerduty, smtp or ntfy
	URL            string         `yaml:"url" json:"url,omitempty"`                           //
	URLFile        string         `yaml:"url_file" json:"url_file,omitempty"`                 // in place of url, where it is a secret as Slack's is
	SecretFile     string         `yaml:"secret_file" json:"secret_file,omitempty"`           // webhook: what messages are signed with
	RoutingKeyFile string         `yaml:"routing_key_file" json:"routing_key_file,omitempty"` // pagerduty
	Topic          string         `yaml:"topic" json:"topic,omitempty"`                       // ntfy
	TokenFile      string         `yaml:"token_file" json:"token_file,omitempty"`             // ntfy
	Server         string         `yaml:"server" json:"server,omitempty"`                     // smtp: HOST:PORT
	TLS            string         `yaml:"tls" json:"tls,omitempty"`                           // smtp: starttls, tls or none; default starttls
	User           string         `yaml:"user" json:"user,omitempty"`                         // smtp
	PasswordFile   string         `yaml:"password_file" json:"password_file,omitempty"`       // smtp
	From           string         `yaml:"from" json:"from,omitempty"`                         // smtp
	To             []string       `yaml:"to" json:"to,omitempty"`                             // smtp
	Rate           vigil.Rate     `yaml:"rate" json:"rate,omitzero"`                          // of messages; default 30/1m
	Timeout        vigil.Duration `yaml:"timeout" json:"timeout,omitempty"`                   // of one; default 10s
	AllowPrivate   bool           `yaml:"allow_private" json:"allow_private,omitempty"`       // it is on this host or in a private network
	CAFile         string         `yaml:"ca_file" json:"ca_file,omitempty"`                   // PEM, instead of the system's authorities
}

// Route sends what has happened to channels.
type Route struct {
	When     []string `yaml:"when" json:"when"`                   // needs_person, or single events: failed, tripped, held, healed, ...
	Policies []string `yaml:"policies" json:"policies,omitempty"` // patterns of names; none: all
	To       []string `yaml:"to" json:"to"`                       // names of channels
}
