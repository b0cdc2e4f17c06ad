package egress

import (
	"crypto/x509"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability/secret"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Config says what one endpoint is: an entry of endpoints: in the configuration.
type Config struct {
	URL             string            `json:"url"`               // http or https; what a guest asks for is appended to its path
	Methods         []string          `json:"methods"`           // empty means GET
	Path            string            `json:"path"`              // a guest's path lies below it; "" means any
	RequestHeaders  []string          `json:"request_headers"`   // names a guest may set beside the usual ones
	HeaderFiles     map[string]string `json:"header_files"`      // headers that the host sets, each from a file
	BearerTokenFile string            `json:"bearer_token_file"` // Authorization: Bearer
	Basic           Basic             `json:"basic"`             // Authorization: Basic
	Timeout         vigil.Duration    `json:"timeout"`           // of a whole request; 0 means 10s
	AllowPrivate    bool              `json:"allow_private"`     // loopback and private addresses, too
	CAFile          string            `json:"ca_file"`           // PEM; trusts these authorities and no others
}

// Basic is a user with a password.
type Basic struct {
	User         string `json:"user"`
	PasswordFile string `json:"password_file"`
}

const (
	defaultTimeout = vigil.Duration(10 * time.Second)
	longestTimeout = vigil.Duration(5 * time.Minute)
	maxCA          = 1 << 20 // bytes
)

// methods are what an endpoint may allow. CONNECT and TRACE are another
// protocol and an echo of the credential.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

func (c Config) withDefaults() Config {
	if len(c.Methods) == 0 {
		c.Methods = []string{"GET"}
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	c.Path = strings.TrimSuffix(c.Path, "/")
	return c
}

// Check reports the first thing that makes the endpoint inadmissible, its files
// included. Errors are Invalid and name the field.
func (c Config) Check(name string) error {
	bad := func(field, format string, args ...any) error {
		return vigil.Errorf(vigil.Invalid, "endpoint_invalid", "endpoint "+name+": "+field+": "+format, args...).With("field", field)
	}
	c = c.withDefaults()
	if !ValidName(name) {
		return bad("name", "%.100q: want letters, digits, dot, dash and underscore", name)
	}
	if says := c.checkURL(); says != "" {
		return bad("url", "%s", says)
	}
	for _, m := range c.Methods {
		if !slices.Contains(methods, m) {
			return bad("methods", "%.20q: want some of %s", m, strings.Join(methods, ", "))
		}
	}
	if c.Path != "" && !plainPath(c.Path) {
		return bad("path", "%.100q: want for example /api/v1, without dots, escapes and double slashes", c.Path)
	}
	if c.Timeout < 0 || c.Timeout > longestTimeout {
		return bad("timeout", "at most %s", longestTimeout)
	}
	for _, h := range c.RequestHeaders {
		if !isToken(h) || hostsOwn(h) {
			return bad("request_headers", "%.60q is not for a guest to set", h)
		}
	}
	if field, says := c.checkCredentials(); says != "" {
		return bad(field, "%s", says)
	}
	if _, err := Roots(c.CAFile); err != nil {
		return bad("ca_file", "%v", err)
	}
	return nil
}

// ValidName reports whether an endpoint may be called so; the name is part of a
// grant's target.
func ValidName(name string) bool {
	t, err := vigil.ParseTarget("service:" + name) // the alphabet of all targets
	return err == nil && t.Host == ""
}

func (c Config) checkURL() (says string) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return "want for example https://billing.example/api"
	case u.User != nil:
		return "a credential stands in a file: use basic or bearer_token_file"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.RawPath != "":
		return "want no query, fragment or escapes in it"
	case u.Path != "" && !plainPath(u.Path):
		return "want a path without dots, escapes and double slashes"
	}
	return Gate{AllowPrivate: c.AllowPrivate}.Check(u.Hostname())
}

// checkCredentials reads every secret once, so that a missing file shows here
// and not in the middle of an outage.
func (c Config) checkCredentials() (field, says string) {
	readable := func(file string) string {
		if !filepath.IsAbs(file) {
			return "want an absolute path"
		}
		if _, err := secret.Read(file); err != nil {
			return err.Error()
		}
		return ""
	}
	for name, file := range c.HeaderFiles {
		if !isToken(name) || framing(name) {
			return "header_files", "this header cannot be set"
		}
		if says := readable(file); says != "" {
			return "header_files", says
		}
	}
	if c.BearerTokenFile != "" && c.Basic != (Basic{}) {
		return "basic", "and bearer_token_file exclude each other"
	}
	if c.BearerTokenFile != "" {
		return "bearer_token_file", readable(c.BearerTokenFile)
	}
	if c.Basic != (Basic{}) {
		if c.Basic.User == "" || strings.ContainsAny(c.Basic.User, ":\r\n\x00") {
			return "basic", "want a user, without a colon"
		}
		return "basic", readable(c.Basic.PasswordFile)
	}
	return "", ""
}

// Roots are the authorities in a PEM file, nil for those of the system if there
// is no file.
func Roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	fi, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() || fi.Size() > maxCA {
		return nil, vigil.Errorf(vigil.Invalid, "endpoint_invalid", "want a file of at most 1 MiB")
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, vigil.Errorf(vigil.Invalid, "endpoint_invalid", "holds no certificate in PEM")
	}
	return pool, nil
}
