package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/platform/internal/module/builtin"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) module() *cobra.Command {
	cmd := &cobra.Command{Use: "module", Short: "Build, upload and list WebAssembly modules", Args: onlyCommands, RunE: help}
	cmd.AddCommand(c.moduleBuild(), c.modulePush(), c.moduleList(), c.moduleWarm())
	return cmd
}

func (c *cli) moduleBuild() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "build [DIR]",
		Short: "Build the module in a folder with Go, its manifest inside",
		Example: `  vigil module build modules/policies/threshold
  vigil module build . --out threshold.wasm`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			abs, err := filepath.Abs(dir)
			if err != nil {
				return fmt.Errorf("find %s: %w", dir, err)
			}
			if out == "" {
				out = filepath.Base(abs) + ".wasm"
			}
			if err := module.Build(cmd.Context(), abs, out); err != nil {
				return err
			}
			fmt.Fprintln(c.out, out)
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "write to this `file` (default the folder's name with .wasm)")
	return cmd
}

func (c *cli) modulePush() *cobra.Command {
	return &cobra.Command{
		Use:   "push FILE",
		Short: "Upload a module; it is checked, compiled and tried first",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := readBounded(args[0], vigil.MaxModuleSize)
			if err != nil {
				return err
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			m, known, err := api.UploadModule(cmd.Context(), code)
			if err != nil {
				return err
			}
			said := "uploaded"
			if known {
				said = "already there"
			}
			fmt.Fprintln(c.err, said)
			if err := c.print(m, func(w io.Writer) { moduleRows(w, m) }); err != nil {
				return err
			}
			if len(m.Requires) > 0 && !known {
				fmt.Fprintln(c.err, "it may do nothing yet; grant what it asks for:")
				for _, r := range m.Requires {
					fmt.Fprintf(c.err, "  vigil grant add %s %s '%s'\n", m.Name, r.Capability, r.Target)
				}
			}
			return nil
		},
	}
}

func (c *cli) moduleList() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List modules",
		Aliases: []string{"list"},
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			mods, err := api.Modules(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(mods, func(w io.Writer) { moduleRows(w, mods...) })
		},
	}
}

func moduleRows(w io.Writer, mods ...vigil.Module) {
	row(w, "NAME", "VERSION", "KIND", "DIGEST", "SIZE", "ASKS FOR")
	for _, m := range mods {
		var asks []string
		for _, r := range m.Requires {
			asks = append(asks, r.Capability+" on "+r.Target)
		}
		row(w, m.Name, m.Version, m.Kind, short(m.Digest), fmt.Sprintf("%.1f MB", float64(m.Size)/1e6), orDash(strings.Join(asks, ", ")))
	}
}

// moduleWarm compiles the binary's own modules into the cache, so that the
// first start need not.
func (c *cli) moduleWarm() *cobra.Command {
	return &cobra.Command{
		Use:   "warm",
		Short: "Compile the built-in modules into the cache",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := cacheDir()
			if err != nil {
				return err
			}
			engine, err := wasm.New(cmd.Context(), wasm.Options{CacheDir: dir})
			if err != nil {
				return err
			}
			defer engine.Close(cmd.Context())
			mods, err := builtin.Modules()
			if err != nil {
				return err
			}
			for _, m := range mods {
				if _, err := engine.Check(cmd.Context(), m.Wasm); err != nil {
					return fmt.Errorf("compile %s: %w", m.Name, err)
				}
			}
			fmt.Fprintf(c.out, "%d modules compiled\n", len(mods))
			return nil
		},
	}
}

// readBounded reads a file, or standard input for -, of at most max bytes.
func readBounded(path string, most int64) ([]byte, error) {
	in := os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, vigil.Errorf(vigil.NotFound, "file_unreadable", "%v", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(b)) > most {
		return nil, vigil.Errorf(vigil.TooLarge, "file_too_large", "%s is larger than %d bytes", path, most)
	}
	return b, nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
