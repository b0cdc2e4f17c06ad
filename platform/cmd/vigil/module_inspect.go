package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/schema"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/platform/internal/wasm/binary"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// inspected is what module inspect prints as data.
type inspected struct {
	Digest    string         `json:"digest"`
	Manifest  vigil.Manifest `json:"manifest"`
	Size      int            `json:"size"`  // bytes
	Pages     int            `json:"pages"` // of memory at the start, 64 KiB each
	Room      vigil.Size     `json:"room"`  // the most memory that an instance may have
	Functions int            `json:"functions"`
	Settings  []schema.Row   `json:"settings"`
	Imports   []link         `json:"imports"`
	Exports   []link         `json:"exports"`
}

// link is something that a module wants from the host, or offers to it.
type link struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

func (c *cli) moduleInspect() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect FILE.wasm",
		Short: "Show what a module is, wants and asks for, and whether it passes the checks",
		Long: `Show what a module is, wants and asks for, and whether it passes the checks.

It is checked, compiled and started in the sandbox as an upload is; one that
would be refused is shown as far as it can be read, with the reason.`,
		Example: "  vigil module inspect threshold.wasm",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := readBounded(args[0], vigil.MaxModuleSize)
			if err != nil {
				return err
			}
			got, err := inspectModule(code)
			if err != nil {
				return err
			}
			if err := c.print(got, func(w io.Writer) { inspectRows(w, got) }); err != nil {
				return err
			}
			return accepted(cmd.Context(), code)
		},
	}
}

// accepted says why an upload of the module would be refused, if it would.
func accepted(ctx context.Context, code []byte) error {
	s, err := openSandbox(ctx, code)
	if err != nil {
		return err
	}
	s.close(ctx)
	return nil
}

func inspectModule(code []byte) (inspected, error) {
	shape, err := binary.Inspect(code)
	if err != nil {
		return inspected{}, err
	}
	sum := sha256.Sum256(code)
	got := inspected{
		Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: len(code), Pages: shape.Pages, Functions: shape.Facts.Functions,
		Settings: []schema.Row{}, Imports: []link{}, Exports: []link{},
	}
	for _, im := range shape.Imports {
		got.Imports = append(got.Imports, link{im.Module + "." + im.Name, signatureText(shape.Types[im.Type])})
	}
	for _, ex := range shape.Exports {
		got.Exports = append(got.Exports, link{ex.Name, exportText(shape, ex)})
	}
	if shape.Manifest == nil {
		return got, nil
	}
	if got.Manifest, err = vigil.ParseManifest(shape.Manifest); err != nil {
		return got, err
	}
	settings, err := schema.Parse(got.Manifest.Settings)
	if err == nil {
		got.Settings = settings.Rows()
	}
	if err == nil {
		got.Room, err = wasm.Options{}.Room(got.Manifest)
	}
	return got, err
}

func exportText(s *binary.Shape, ex binary.Export) string {
	if ex.Kind != 0 {
		return [...]string{"", "table", "memory", "global"}[min(ex.Kind, 3)]
	}
	return signatureText(s.Types[s.Functions[ex.Index]]) // the decoder checked both
}

func signatureText(sig binary.Signature) string {
	return fmt.Sprintf("(%s) -> (%s)", valueTypes(sig.Params), valueTypes(sig.Results))
}

func valueTypes(types string) string {
	names := map[byte]string{0x7f: "i32", 0x7e: "i64", 0x7d: "f32", 0x7c: "f64"}
	var list []string
	for i := range len(types) {
		list = append(list, names[types[i]])
	}
	return strings.Join(list, ", ")
}

func inspectRows(w io.Writer, m inspected) {
	row(w, "NAME", m.Manifest.Name+" "+m.Manifest.Version+", "+string(m.Manifest.Kind))
	if m.Manifest.Description != "" {
		row(w, "DESCRIPTION", m.Manifest.Description)
	}
	row(w, "DIGEST", m.Digest)
	row(w, "SIZE", fmt.Sprintf("%d bytes, %d functions, %d pages of memory at the start, at most %s", m.Size, m.Functions, m.Pages, m.Room))
	row(w, "VECTORS", fmt.Sprintf("%d, played at every upload", len(m.Manifest.Vectors)))
	for _, s := range m.Settings {
		row(w, "SETTING", s.Name, s.Type, orDash(s.Doc))
	}
	for _, r := range m.Manifest.Requires {
		row(w, "ASKS FOR", fmt.Sprintf("%s on %s, %s", r.Capability, r.Target, r.Why))
	}
	for _, l := range m.Imports {
		row(w, "IMPORT", l.Name+" "+l.Type)
	}
	for _, l := range m.Exports {
		row(w, "EXPORT", l.Name+" "+l.Type)
	}
}
