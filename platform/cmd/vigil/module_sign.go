package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/module/minisign"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// mostKey bounds a key or signature file, in bytes.
const mostKey = 4 << 10

func (c *cli) moduleKeygen() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Make a key to sign modules with",
		Long: `Make a key to sign modules with: FILE.key signs and is secret, FILE.pub verifies.
Both are files of minisign, the secret one without a password.

A collector takes only what a trusted key has signed when its configuration says

  modules: {require_signature: true, trusted_keys: [RW…]}`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			k, err := minisign.NewKey()
			if err != nil {
				return err
			}
			if err := writeNew(out+".key", k.File(), 0o600); err != nil {
				return err
			}
			if err := writeNew(out+".pub", k.Public().File(), 0o644); err != nil {
				return err
			}
			made := struct {
				ID     string `json:"id"`
				Public string `json:"public"`
			}{k.Public().ID.String(), k.Public().String()}
			return c.print(made, func(w io.Writer) { fmt.Fprintln(w, made.Public) })
		},
	}
	cmd.Flags().StringVar(&out, "out", "vigil", "write `FILE`.key and FILE.pub")
	return cmd
}

func (c *cli) moduleSign() *cobra.Command {
	var key, comment string
	cmd := &cobra.Command{
		Use:     "sign FILE",
		Short:   "Sign a module; the signature is FILE.minisig",
		Example: `  vigil module sign threshold.wasm --key vigil.key`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := readBounded(key, mostKey)
			if err != nil {
				return vigil.AsError(err).Hinted("vigil module keygen makes a key; name another one with --key")
			}
			k, err := minisign.ParseSecretKey(string(text))
			if err != nil {
				return err
			}
			code, err := readBounded(args[0], vigil.MaxModuleSize)
			if err != nil {
				return err
			}
			if comment == "" {
				comment = fmt.Sprintf("timestamp:%d file:%s", time.Now().Unix(), filepath.Base(args[0]))
			}
			sig, err := k.Sign(code, comment)
			if err != nil {
				return err
			}
			if err := os.WriteFile(args[0]+".minisig", sig, 0o644); err != nil { //nolint:gosec // a signature is public
				return fmt.Errorf("write signature: %w", err)
			}
			fmt.Fprintln(c.out, args[0]+".minisig")
			return nil
		},
	}
	cmd.Flags().StringVar(&key, "key", "vigil.key", "secret key `file`")
	cmd.Flags().StringVar(&comment, "comment", "", "`text` that is signed along (default the time and the file's name)")
	return cmd
}

func (c *cli) moduleVerify() *cobra.Command {
	var key, signature string
	cmd := &cobra.Command{
		Use:     "verify FILE",
		Short:   "Verify a module's signature",
		Example: `  vigil module verify threshold.wasm --key vigil.pub`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			k, err := publicKey(key)
			if err != nil {
				return err
			}
			if signature == "" {
				signature = args[0] + ".minisig"
			}
			text, err := readBounded(signature, mostKey)
			if err != nil {
				return vigil.AsError(err).Hinted("vigil module sign FILE makes a signature; name another one with --signature")
			}
			s, err := minisign.ParseSignature(string(text))
			if err != nil {
				return err
			}
			code, err := readBounded(args[0], vigil.MaxModuleSize)
			if err != nil {
				return err
			}
			if err := k.Verify(code, s); err != nil {
				return err
			}
			good := struct {
				Key     string `json:"key"`
				Comment string `json:"comment"`
			}{k.ID.String(), s.Comment}
			return c.print(good, func(w io.Writer) {
				row(w, "SIGNED BY", "COMMENT")
				row(w, good.Key, good.Comment)
			})
		},
	}
	cmd.Flags().StringVar(&key, "key", "vigil.pub", "public `key`: the line that begins with RW, or a file that has it")
	cmd.Flags().StringVar(&signature, "signature", "", "signature `file` (default FILE.minisig)")
	return cmd
}

// publicKey reads a key that is given itself or by its file.
func publicKey(given string) (minisign.PublicKey, error) {
	k, notKey := minisign.ParsePublicKey(given)
	if notKey == nil {
		return k, nil
	}
	text, err := readBounded(given, mostKey)
	switch {
	case err != nil && strings.HasPrefix(given, "RW"):
		return minisign.PublicKey{}, notKey
	case err != nil:
		return minisign.PublicKey{}, vigil.AsError(err).Hinted("give the public key with --key: its file, or the line that begins with RW")
	}
	return minisign.ParsePublicKey(string(text))
}

// signatureOf reads a module's signature: the given file, or the one that lies
// beside the module, if any does.
func signatureOf(path, given string) ([]byte, error) {
	if given != "" {
		return readBounded(given, mostKey)
	}
	if _, err := os.Stat(path + ".minisig"); path == "-" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return readBounded(path+".minisig", mostKey)
}

// writeNew writes a file that must not be there yet: a key that is written over
// is lost.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return vigil.Errorf(vigil.Conflict, "file_exists", "%s is there already", path).Hinted("give another name with --out")
	}
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
