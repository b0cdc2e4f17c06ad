package vigil

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
