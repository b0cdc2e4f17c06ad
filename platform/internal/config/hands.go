package config

import "github.com/techmedaddy/vigil/sdk/vigil"

// Endpoint is what actions may be granted to send requests to (endpoint:NAME).
type Endpoint struct {
	URL             string            `yaml:"url" json:"url"`                                       // a request's path is appended to its path
	Methods         []string          `yaml:"methods" json:"methods,omitempty"`                     // default GET
	Path            string            `yaml:"path" json:"path,omitempty"`                           // a request's path lies below it
	RequestHeaders  []string          `yaml:"request_headers" json:"request_headers,omitempty"`     // that an action may set beside the usual ones
	HeaderFiles     map[string]string `yaml:"header_files" json:"header_files,omitempty"`           // secret headers, each in a file
	BearerTokenFile string            `yaml:"bearer_token_file" json:"bearer_token_file,omitempty"` //
	Basic           Basic             `yaml:"basic" json:"basic,omitzero"`                          //
	Timeout         vigil.Duration    `yaml:"timeout" json:"timeout,omitempty"`                     // default 10s
	AllowPrivate    bool              `yaml:"allow_private" json:"allow_private,omitempty"`         // it is on this host or in a private network
	CAFile          string            `yaml:"ca_file" json:"ca_file,omitempty"`                     // PEM, instead of the system's authorities
}

// Basic is a user with a password in a file.
type Basic struct {
	User         string `yaml:"user" json:"user,omitempty"`
	PasswordFile string `yaml:"password_file" json:"password_file,omitempty"`
}

// Command is what actions may be granted to run (command:NAME).
type Command struct {
	Argv           []string          `yaml:"argv" json:"argv"` // the first word an absolute path; {name} is a placeholder
	Args           map[string]Arg    `yaml:"args" json:"args,omitempty"`
	Timeout        vigil.Duration    `yaml:"timeout" json:"timeout,omitempty"` // default 30s
	Env            map[string]string `yaml:"env" json:"env,omitempty"`
	Dir            string            `yaml:"dir" json:"dir,omitempty"`
	RootEquivalent bool              `yaml:"i_accept_root_equivalent" json:"i_accept_root_equivalent,omitempty"`
}

// Arg says what a placeholder may be.
type Arg struct {
	Pattern string `yaml:"pattern" json:"pattern"`
	Max     int    `yaml:"max" json:"max,omitempty"` // bytes, default 128
}
