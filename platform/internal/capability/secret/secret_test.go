package secret_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/capability/secret"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestRead_TakesOneLine(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := secret.Read(path)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Read of %.20q = %.20q, %v", text, got, err)
		}
		if err != nil && (vigil.CodeOf(err) != "credential_unreadable" || strings.Contains(vigil.AsError(err).Msg, path)) {
			t.Errorf("error = %v, want code credential_unreadable and no path in its message", err)
		}
	}
	f("s3cret", "s3cret")
	f("s3cret\n", "s3cret")
	f("s3cret\r\n", "s3cret")
	f("two words\n", "two words")
	f("", "")
	f("\n", "")
	f("s3cret\nHost: elsewhere\n", "")
	f("s3cret\x00", "")
	f(strings.Repeat("s", secret.Most), strings.Repeat("s", secret.Most))
	f(strings.Repeat("s", secret.Most+1), "")
}

func TestRedact_FindsTheLongestFirst(t *testing.T) {
	t.Parallel()
	f := func(in, want string, secrets ...string) {
		t.Helper()
		if got := string(secret.Redact([]byte(in), secrets)); got != want {
			t.Errorf("Redact(%q, %q) = %q, want %q", in, secrets, got, want)
		}
	}
	f("token s3cret, again s3cret.", "token [redacted], again [redacted].", "s3cret")
	f("s3cret-and-more", "[redacted]", "s3cret", "s3cret-and-more")
	f("on and off", "on and off", "on", "")
}
