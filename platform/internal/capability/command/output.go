package command

import (
	"strings"
	"sync"

	"github.com/techmedaddy/vigil/platform/internal/capability/secret"
)

// maxOutput is how much of a command's output is kept, in bytes.
const maxOutput = 64 << 10

// output keeps the begin of what is written to it and throws the rest away, so
// that a command that writes without end costs no memory and is not blocked.
type output struct {
	mu   sync.Mutex
	kept []byte // guarded by mu; a little more than maxOutput, to see a secret that stands across the cut
	more bool   // guarded by mu
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(len(b), maxOutput+secret.Most-len(o.kept))
	o.kept = append(o.kept, b[:n]...)
	o.more = o.more || n < len(b)
	return len(b), nil
}

// text is what is kept, as UTF-8 and without the secrets, and whether it is not
// all.
func (o *output) text(secrets []string) (text string, cut bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := secret.Redact(o.kept, secrets)
	cut = o.more || len(b) > maxOutput
	return strings.ToValidUTF8(string(b[:min(len(b), maxOutput)]), "?"), cut
}
