package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Options refines a client. The zero value speaks to a collector on this
// machine without a credential.
type Options struct {
	Token     string        // bearer token; "" sends none
	UserAgent string        // default vigil-client
	Timeout   time.Duration // of one request, waits excepted; default 10s
	// Transport replaces the default one, which uses no proxy from the
	// environment.
	Transport http.RoundTripper
}

// Client speaks to one collector.
type Client struct {
	base string
	opt  Options
	http *http.Client
}

// answerMost is the most that is read of one answer.
const answerMost = 64 << 20

// New returns a client of the collector at base, for example
// http://127.0.0.1:8000.
func New(base string, opt Options) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, vigil.Errorf(vigil.Invalid, "server_invalid", "server address: want for example http://127.0.0.1:8000")
	}
	if opt.UserAgent == "" {
		opt.UserAgent = "vigil-client"
	}
	if opt.Timeout == 0 {
		opt.Timeout = 10 * time.Second
	}
	if opt.Transport == nil {
		opt.Transport = &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: 60 * time.Second}
	}
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		base: strings.TrimSuffix(base, "/"), opt: opt,
		http: &http.Client{Transport: opt.Transport, CheckRedirect: refuse},
	}, nil
}

// Close closes the connections that wait for a next request.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// ask is one request.
type ask struct {
	method, path string
	query        url.Values
	media        string // of body
	body         []byte
	header       http.Header
	wait         time.Duration // how long the server may take on purpose
}

// do sends a request and returns the status and the body of a success.
func (c *Client) do(ctx context.Context, a ask) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout+a.wait)
	defer cancel()
	req, err := c.request(ctx, a)
	if err != nil {
		return 0, nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, c.unreachable(err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, answerMost+1))
	switch {
	case err != nil:
		return 0, nil, c.unreachable(err)
	case len(body) > answerMost:
		return 0, nil, vigil.Errorf(vigil.TooLarge, "answer_too_large", "the answer is larger than %d bytes", answerMost)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return resp.StatusCode, nil, refusal(resp, body)
	}
	return resp.StatusCode, body, nil
}

func (c *Client) request(ctx context.Context, a ask) (*http.Request, error) {
	target := c.base + a.path
	if len(a.query) > 0 {
		target += "?" + a.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, a.method, target, bytes.NewReader(a.body))
	if err != nil {
		return nil, fmt.Errorf("make request %s %s: %w", a.method, a.path, err)
	}
	maps.Copy(req.Header, a.header)
	req.Header.Set("User-Agent", c.opt.UserAgent)
	req.Header.Set("Accept", "application/json")
	if a.media != "" {
		req.Header.Set("Content-Type", a.media)
	}
	if c.opt.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.opt.Token)
	}
	return req, nil
}

// unreachable says that no answer came. A caller's own end of patience is
// passed on as it is.
func (c *Client) unreachable(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the URL, which may be long
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	kind := vigil.Unavailable
	if errors.Is(err, context.DeadlineExceeded) {
		kind = vigil.Timeout
	}
	return &vigil.Error{
		Kind: kind, Code: "server_unreachable", Msg: "no answer from " + c.base,
		Hint: "is it running? start one with: vigil up; one elsewhere is named by --server URL or VIGIL_SERVER", Err: err,
	}
}

// call sends in (nil: no body) as JSON and reads the answer into out (nil: not
// wanted).
func (c *Client) call(ctx context.Context, a ask, in, out any) (status int, err error) {
	if in != nil {
		if a.body, err = json.Marshal(in); err != nil {
			return 0, fmt.Errorf("encode request %s: %w", a.path, err)
		}
		a.media = "application/json"
	}
	status, body, err := c.do(ctx, a)
	if err != nil || out == nil || status == http.StatusNoContent {
		return status, err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return status, &vigil.Error{Kind: vigil.Internal, Code: "answer_invalid", Msg: "the answer to " + a.path + " is not what was expected", Err: err}
	}
	return status, nil
}

// list reads an answer of items.
func list[T any](ctx context.Context, c *Client, path string, q url.Values) ([]T, error) {
	var out struct {
		Items []T `json:"items"`
	}
	_, err := c.call(ctx, ask{method: http.MethodGet, path: path, query: q}, nil, &out)
	return out.Items, err
}

// one reads an answer of one object.
func one[T any](ctx context.Context, c *Client, method, path string, in any) (T, error) {
	var out T
	_, err := c.call(ctx, ask{method: method, path: path}, in, &out)
	return out, err
}

// at is a path with its last segment escaped.
func at(path, name string) string { return path + "/" + url.PathEscape(name) }
