package vigil

import (
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// Body is the content of an HTTP message. As JSON it is a string where it is
// text in UTF-8, and else {"base64": "…"}.
type Body []byte

// encodedBody is a Body that is no text.
type encodedBody struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON writes text as text, unless its escapes would take more room than
// its bytes in base64.
func (b Body) MarshalJSON() ([]byte, error) {
	if utf8.Valid(b) {
		if doc, err := json.Marshal(string(b)); err != nil || len(doc) <= len(b)*4/3+64 {
			return doc, err
		}
	}
	return json.Marshal(encodedBody{b})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (b *Body) UnmarshalJSON(doc []byte) error {
	var text string
	if json.Unmarshal(doc, &text) == nil {
		*b = Body(text)
		return nil
	}
	var e encodedBody
	if err := json.Unmarshal(doc, &e); err != nil {
		return errors.New(`a body is text, or {"base64": "…"}`)
	}
	*b = e.Base64
	return nil
}

// HTTPRequest is the request of the capability http.request. Where it goes and
// with which credential is the host's configuration: a guest only names it.
type HTTPRequest struct {
	Endpoint string              `json:"endpoint"`         // of the host's configuration
	Method   string              `json:"method,omitempty"` // "" means GET
	Path     string              `json:"path,omitempty"`   // below the endpoint's URL, begins with a slash, nothing escaped
	Query    map[string][]string `json:"query,omitempty"`  // not escaped either
	Header   map[string]string   `json:"header,omitempty"` // of the few that a guest may set
	Body     Body                `json:"body,omitempty"`
	DryRun   bool                `json:"dry_run,omitempty"`
}

// HTTPReply answers http.request. Any status is a reply, also one of 300 to
// 599; redirects are not followed. Of a dry run all but DryRun is zero.
type HTTPReply struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"` // values of one name are joined by ", "
	Body   Body              `json:"body,omitempty"`   // at most 1 MiB
	DryRun bool              `json:"dry_run,omitempty"`
}

// CommandRequest is the request of the capability command.run. What is run is
// the host's configuration: a guest only names it and fills its placeholders.
type CommandRequest struct {
	Command string            `json:"command"` // of the host's configuration
	Args    map[string]string `json:"args,omitempty"`
	DryRun  bool              `json:"dry_run,omitempty"`
}

// CommandReply answers command.run. A command that ended by itself is a reply,
// whatever its exit code. Of a dry run all but Digest and DryRun is zero.
type CommandReply struct {
	Exit   int      `json:"exit"`             // exit code; -1 if a signal ended it
	Signal string   `json:"signal,omitempty"` // for example "killed"
	Output string   `json:"output,omitempty"` // both its outputs as they came, as UTF-8
	Cut    bool     `json:"cut,omitempty"`    // there was more than the 64 KiB of Output
	Took   Duration `json:"took"`
	Digest string   `json:"digest"` // of the program that ran, sha256:…
	DryRun bool     `json:"dry_run,omitempty"`
}
