package egress

import (
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// usual are the headers that every guest may set.
var usual = []string{
	"Accept", "Accept-Language", "Content-Type", "Idempotency-Key", "If-Match", "If-Modified-Since", "If-None-Match",
	"If-Unmodified-Since", "Prefer", "X-Request-Id",
}

// reserved are headers that lead a request elsewhere, speak for somebody, or
// mean another method than the one that was checked. An operator can hand none
// of them to guests.
var reserved = []string{
	"Authorization", "Cookie", "Forwarded", "From", "Origin", "Referer", "User-Agent", "Via",
	"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url", "X-Real-Ip",
}

const (
	maxQuery  = 4096 // bytes, escaped
	maxPath   = 2048 // bytes
	maxHeader = 4096 // bytes of one value
)

// framing reports whether a header belongs to the connection, which is net/http's.
func framing(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Connection", "Content-Length", "Expect", "Host", "Http2-Settings", "Keep-Alive", "Proxy-Connection", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// hostsOwn reports whether no guest may ever set a header.
func hostsOwn(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return framing(name) || slices.Contains(reserved, name) || strings.HasPrefix(name, "Proxy-") ||
		strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "Sec-")
}

func isToken(name string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}

// plainPath reports whether a path leads where it says whoever reads it: it
// begins with a slash and has no empty or dotted part, no escape, no backslash,
// nothing that ends a path, nothing but ASCII. A part before a semicolon counts
// by itself, since some servers drop what comes after it.
func plainPath(path string) bool {
	if !strings.HasPrefix(path, "/") || len(path) > maxPath {
		return false
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@" // RFC 3986, pchar
	parts := strings.Split(path[1:], "/")
	for i, part := range parts {
		plain, _, _ := strings.Cut(part, ";")
		if plain == "." || plain == ".." || part == "" && i < len(parts)-1 ||
			strings.ContainsFunc(part, func(r rune) bool { return !strings.ContainsRune(letters, r) }) {
			return false
		}
	}
	return true
}

// below reports whether a path is prefix or lies below it.
func below(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// target is the URL of a request, if its method and path are the endpoint's to
// allow.
func (e *endpoint) target(ask vigil.HTTPRequest) (*url.URL, error) {
	if !slices.Contains(e.c.Methods, ask.Method) {
		return nil, vigil.Errorf(vigil.Held, "http_method_denied", "endpoint %s: method %.20q is not one of %s",
			e.name, ask.Method, strings.Join(e.c.Methods, ", "))
	}
	if ask.Path != "" && !plainPath(ask.Path) {
		return nil, vigil.Errorf(vigil.Held, "http_path_denied", "endpoint %s: path %.100q: want plain parts between single slashes", e.name, ask.Path)
	}
	if !below(ask.Path, e.c.Path) {
		return nil, vigil.Errorf(vigil.Held, "http_path_denied", "endpoint %s: path %.100q is not below %s", e.name, ask.Path, e.c.Path)
	}
	u := e.base
	u.Path = strings.TrimSuffix(u.Path, "/") + ask.Path
	u.RawQuery = url.Values(ask.Query).Encode()
	if len(u.RawQuery) > maxQuery {
		return nil, vigil.Errorf(vigil.TooLarge, "http_query_too_large", "endpoint %s: the query has more than %d bytes", e.name, maxQuery)
	}
	return &u, nil
}

// header is what a guest's headers make, if all of them are its to set.
func (e *endpoint) header(ask vigil.HTTPRequest) (http.Header, error) {
	out := http.Header{"User-Agent": {"vigil"}}
	for name, value := range ask.Header {
		key := textproto.CanonicalMIMEHeaderKey(name)
		mayBe := func(n string) bool { return textproto.CanonicalMIMEHeaderKey(n) == key }
		_, own := e.secretHeaders[key]
		if !isToken(name) || hostsOwn(name) || own || !slices.ContainsFunc(usual, mayBe) && !slices.ContainsFunc(e.c.RequestHeaders, mayBe) {
			return nil, vigil.Errorf(vigil.Held, "header_denied", "endpoint %s: header %.60q is not for a module to set", e.name, name)
		}
		if len(value) > maxHeader || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }) {
			return nil, vigil.Errorf(vigil.Held, "header_denied", "endpoint %s: the value of header %s holds something else than printable ASCII", e.name, key)
		}
		if _, twice := out[key]; twice {
			return nil, vigil.Errorf(vigil.Held, "header_denied", "endpoint %s: header %s stands twice", e.name, key)
		}
		out.Set(key, value)
	}
	return out, nil
}
