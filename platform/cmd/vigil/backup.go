package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
)

func (c *cli) backup() *cobra.Command {
	var data, to string
	cmd := &cobra.Command{
		Use:   "backup --out FILE",
		Short: "Copy the database into one file, while Vigil runs or not",
		Long: `Copy the database into one file, while Vigil runs or not.

The file holds everything of one moment: history, policies, modules, grants,
remediations and the audit log. It appears under its name only when it is whole,
checked and on disk. vigil restore makes it a database again.`,
		Example: `  vigil backup --out /backup/vigil-monday.db`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := c.database(data)
			if err != nil {
				return err
			}
			begin := time.Now()
			size, err := sqlite.Backup(cmd.Context(), path, to, c.progress("backed up", mebibytes))
			c.progressEnd()
			if err != nil {
				return err
			}
			done := struct {
				File  string `json:"file"`
				Bytes int64  `json:"bytes"`
				Took  string `json:"took"`
			}{to, size, time.Since(begin).Round(time.Millisecond).String()}
			return c.print(done, func(w io.Writer) { row(w, "backed up", path, "into", to, mebibytes(size), "in "+done.Took) })
		},
	}
	cmd.Flags().StringVar(&to, "out", "", "`file` to make; it must not be there yet")
	cmd.Flags().StringVar(&data, "data", "", "`directory` of all state (default $XDG_DATA_HOME/vigil)")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

func (c *cli) restore() *cobra.Command {
	var data, keys string
	var force bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a backup the database of a directory that Vigil does not use now",
		Long: `Make a backup the database of a directory that Vigil does not use now.

The copy is checked whole before anything is touched. A database that is there
already is refused, or with --force moved aside; nothing is deleted. A backup does
not hold the audit log's key: bring it with --audit-key if it is not in its place.`,
		Example: `  vigil restore /backup/vigil-monday.db --data ./vigil-data`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			conf, err := config.Load(c.file, os.Getenv)
			if err != nil {
				return err
			}
			conf.Data = cmp.Or(data, conf.Data)
			log, err := openKept(conf, "")
			if err != nil {
				return err
			}
			r, err := log.restore(cmd.Context(), args[0], keys, sqlite.RestoreOptions{
				Force: force, Now: time.Now(), Check: decoders(), Progress: c.progress("checked", blocks),
			})
			c.progressEnd()
			if err != nil {
				return err
			}
			return c.print(r, func(w io.Writer) {
				row(w, "restored", r.Database, healthWords(r.Health))
				if r.Aside != "" {
					row(w, "moved aside", r.Aside)
				}
				for _, id := range r.Lost {
					row(w, "audit log", "its key "+id+" is not here, so older records cannot be verified; --audit-key FILE brings it")
				}
			})
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "`directory` of all state (default $XDG_DATA_HOME/vigil)")
	cmd.Flags().StringVar(&keys, "audit-key", "", "take the keys along that this `file` holds: where the backup was made, DATA.audit/key")
	cmd.Flags().BoolVar(&force, "force", false, "move a database that is there aside")
	return cmd
}

func decoders() sqlite.Decoders {
	return sqlite.Decoders{Log: metrics.DecodeLog, Page: metrics.DecodePage}
}

func healthWords(h sqlite.Health) string {
	return fmt.Sprintf("%d samples in %d pages of %d blocks and %d rows of the log", h.Samples, h.Pages, h.Blocks, h.Rows)
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func blocks(n int64) string { return fmt.Sprintf("%d blocks", n) }

// progress draws a bar on a terminal; elsewhere there is none.
func (c *cli) progress(verb string, unit func(int64) string) sqlite.Progress {
	if !terminal(c.err) {
		return nil
	}
	return func(done, total int64) {
		const wide = 30
		full := int(wide * done / max(1, total))
		fmt.Fprintf(c.err, "\r[%s%s] %s of %s %s ", strings.Repeat("=", full), strings.Repeat(" ", wide-full), unit(done), unit(total), verb)
	}
}

// progressEnd clears the bar's line.
func (c *cli) progressEnd() {
	if terminal(c.err) {
		fmt.Fprint(c.err, "\r\x1b[K")
	}
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
