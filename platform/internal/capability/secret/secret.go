package secret

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	// Most is how long a secret may be, in bytes.
	Most = 4096
	// shortest is how long a value must be to be looked for: anything shorter
	// stands in innocent text as well.
	shortest = 6
)

// Read returns the secret in a file, without the line break at its end. Its
// errors name no path: a guest may read them.
func Read(path string) (string, error) {
	unusable := func(cause error, says string) error {
		e := vigil.Errorf(vigil.Unavailable, "credential_unreadable", "a credential of the configuration %s", says).
			Hinted("vigil config check, which names the file")
		e.Err = cause
		return e
	}
	f, err := os.Open(path)
	if err != nil {
		return "", unusable(err, "cannot be read")
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, Most+2))
	if err != nil {
		return "", unusable(err, "cannot be read")
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" || len(s) > Most || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", unusable(fmt.Errorf("look at %s", path), "is not one line of at most 4096 printable ASCII characters")
	}
	return s, nil
}

// Redact returns b with every one of the secrets replaced.
func Redact(b []byte, secrets []string) []byte {
	longestFirst := slices.SortedFunc(slices.Values(secrets), func(x, y string) int { return len(y) - len(x) })
	for _, s := range longestFirst {
		if len(s) >= shortest {
			b = bytes.ReplaceAll(b, []byte(s), []byte("[redacted]"))
		}
	}
	return b
}
