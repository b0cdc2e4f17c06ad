package minisign_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/module/minisign"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func newKey(t *testing.T) minisign.SecretKey {
	t.Helper()
	k, err := minisign.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t *testing.T, k minisign.SecretKey, file, comment string) string {
	t.Helper()
	text, err := k.Sign([]byte(file), comment)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func parse(t *testing.T, text string) minisign.Signature {
	t.Helper()
	s, err := minisign.ParseSignature(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVerify_BelievesOnlyTheSameBytesKeyAndComment(t *testing.T) {
	t.Parallel()
	k, other := newKey(t), newKey(t)
	text := sign(t, k, "module", "version 1")
	f := func(name string, by minisign.SecretKey, file, text, code string) {
		t.Helper()
		if err := by.Public().Verify([]byte(file), parse(t, text)); vigil.CodeOf(err) != code {
			t.Errorf("%s: Verify = %v, want code %q", name, err, code)
		}
	}
	f("as signed", k, "module", text, "")
	f("line ends of another system", k, "module", strings.ReplaceAll(text, "\n", "\r\n"), "")
	f("other bytes", k, "modulE", text, "signature_invalid")
	f("another key", other, "module", text, "signature_untrusted")
	f("another comment", k, "module", strings.Replace(text, "version 1", "version 2", 1), "signature_invalid")
	forged := strings.Split(sign(t, other, "module", "version 1"), "\n")
	mixed := strings.Split(text, "\n")
	mixed[3] = forged[3]
	f("another comment's signature", k, "module", strings.Join(mixed, "\n"), "signature_invalid")
}

func TestKeys_SurviveTheirFiles(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	again, err := minisign.ParseSecretKey(string(k.File()))
	if err != nil || again.Public().String() != k.Public().String() {
		t.Errorf("secret key read back as %v, %v", again.Public(), err)
	}
	for _, text := range []string{k.Public().String(), string(k.Public().File())} {
		if p, err := minisign.ParsePublicKey(text); err != nil || p.String() != k.Public().String() {
			t.Errorf("ParsePublicKey(%q) = %v, %v", text, p, err)
		}
	}
}

func TestParse_RefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	sig := sign(t, k, "module", "c")
	for _, text := range []string{"", "RW", "untrusted comment: x\n", string(k.File()), sig, strings.Repeat("A", 1<<20)} {
		if _, err := minisign.ParsePublicKey(text); vigil.CodeOf(err) != "key_invalid" {
			t.Errorf("ParsePublicKey(%.40q) = %v", text, err)
		}
	}
	for _, text := range []string{"", string(k.Public().File()), sig} {
		if _, err := minisign.ParseSecretKey(text); vigil.CodeOf(err) != "key_invalid" {
			t.Errorf("ParseSecretKey(%.40q) = %v", text, err)
		}
	}
	for _, text := range []string{
		"", string(k.File()), sig + "more\n", strings.Replace(sig, "\nRU", "\nRW", 1),
		strings.Replace(sig, "untrusted", "trusted", 1), sig + strings.Repeat(" ", 1<<20),
	} {
		if _, err := minisign.ParseSignature(text); vigil.CodeOf(err) != "signature_invalid" {
			t.Errorf("ParseSignature(%.40q) = %v", text, err)
		}
	}
	if _, err := k.Sign(nil, "two\nlines"); vigil.CodeOf(err) != "comment_invalid" {
		t.Errorf("a comment of two lines: %v", err)
	}
}

// TestTool_AgreesWithMinisign signs and verifies across with the real tool.
func TestTool_AgreesWithMinisign(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("minisign"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED, NO MINISIGN: %v; apt-get install minisign", err)
	}
	dir := t.TempDir()
	tool := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "minisign", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := tool(args...)
		if err != nil {
			t.Fatalf("minisign %v: %v\n%s", args, err, out)
		}
		return out
	}
	read := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ours := newKey(t)
	write("m.wasm", []byte("\x00asm and more"))
	write("ours.pub", ours.Public().File())
	write("ours.key", ours.File())

	write("m.wasm.minisig", []byte(sign(t, ours, "\x00asm and more", "kick 1.0.0")))
	if out := must("-V", "-H", "-p", "ours.pub", "-m", "m.wasm"); !strings.Contains(out, "Trusted comment: kick 1.0.0") {
		t.Errorf("minisign says %q", out)
	}
	must("-S", "-s", "ours.key", "-m", "m.wasm", "-t", "by the tool") // reads our secret key
	if err := ours.Public().Verify([]byte("\x00asm and more"), parse(t, read("m.wasm.minisig"))); err != nil {
		t.Errorf("the tool's signature with our key: %v", err)
	}
	must("-G", "-W", "-p", "theirs.pub", "-s", "theirs.key")
	must("-S", "-s", "theirs.key", "-m", "m.wasm", "-t", "by the tool")
	pub, err := minisign.ParsePublicKey(read("theirs.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if s := parse(t, read("m.wasm.minisig")); pub.Verify([]byte("\x00asm and more"), s) != nil || s.Comment != "by the tool" || !strings.Contains(read("theirs.pub"), pub.ID.String()) {
		t.Errorf("the tool's signature with its key %s: %+v", pub.ID, s)
	}
	if _, err := minisign.ParseSecretKey(read("theirs.key")); err != nil {
		t.Errorf("the tool's secret key: %v", err)
	}
	write("m.wasm", []byte("\x00asm and less"))
	if out, err := tool("-V", "-p", "theirs.pub", "-m", "m.wasm"); err == nil {
		t.Errorf("the tool takes other bytes: %s", out)
	}
}

// FuzzParseSignature shows that what parses is written the same way again.
func FuzzParseSignature(f *testing.F) {
	k, err := minisign.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	text, err := k.Sign([]byte("module"), "comment")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("untrusted comment: x\nRUQ=\ntrusted comment: y\nAA==\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := minisign.ParseSignature(text)
		if err != nil {
			return
		}
		if k.Public().Verify([]byte("another file"), s) == nil {
			t.Errorf("%q verifies a file that was never signed", text)
		}
	})
}

// FuzzParseKeys shows that what parses as a key is read back from its file.
func FuzzParseKeys(f *testing.F) {
	k, err := minisign.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(k.File()))
	f.Add(string(k.Public().File()))
	f.Add(k.Public().String())
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := minisign.ParsePublicKey(text); err == nil {
			if again, err := minisign.ParsePublicKey(string(p.File())); err != nil || again.String() != p.String() {
				t.Errorf("%q is read back as %v, %v", text, again, err)
			}
		}
		if s, err := minisign.ParseSecretKey(text); err == nil {
			if again, err := minisign.ParseSecretKey(string(s.File())); err != nil || again.Public().String() != s.Public().String() {
				t.Errorf("%q is read back otherwise: %v", text, err)
			}
		}
	})
}
