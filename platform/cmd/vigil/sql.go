package main

import (
	"fmt"
	"io"
	"math"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) sql() *cobra.Command {
	var data string
	var limit int
	cmd := &cobra.Command{
		Use:   "sql QUERY",
		Short: "Ask the database directly, read-only, while Vigil runs or not",
		Long: `Ask the database directly, read-only, while Vigil runs or not.

Tables worth knowing: metrics(id, name, value, ts, labels), which decodes the
compressed history as it is read, actions(id, target, action, status, details,
started_at), remediations, episodes, decisions, audit, policies, modules, grants.`,
		Example: `  vigil sql "SELECT name, count(*) FROM metrics GROUP BY name"
  vigil sql --data ./vigil-data "SELECT * FROM actions" -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := c.database(data)
			if err != nil {
				return err
			}
			columns, rows, err := sqlite.Query(cmd.Context(), path, args[0], sqlite.QueryOptions{
				DecodeLog: metrics.DecodeLog, DecodePage: metrics.DecodePage, Limit: limit,
			})
			if err != nil {
				return err
			}
			if len(columns) == 0 {
				return vigil.Errorf(vigil.Invalid, "sql_invalid", "the query asks for nothing").
					Hinted(`vigil sql "SELECT name, count(*) FROM metrics GROUP BY name"`)
			}
			return c.print(objects(columns, rows), func(w io.Writer) {
				cells := make([]any, len(columns))
				for i, name := range columns {
					cells[i] = name
				}
				row(w, cells...)
				for _, r := range rows {
					for i, v := range r {
						if cells[i] = v; v == nil {
							cells[i] = "NULL"
						}
					}
					row(w, cells...)
				}
			})
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "`directory` of all state (default $XDG_DATA_HOME/vigil)")
	cmd.Flags().IntVar(&limit, "limit", 10_000, "at most this many rows")
	return cmd
}

// database finds the database of the default tenant. Unless data names its
// directory a person is told which it is, and that a server elsewhere has its
// database elsewhere.
func (c *cli) database(data string) (string, error) {
	if data == "" && c.elsewhere() {
		return "", vigil.Errorf(vigil.Invalid, "database_elsewhere", "the database of %s is on another machine, and this command reads a file", c.server).
			Hinted("run it there, or name a data directory of this machine with --data")
	}
	conf, err := config.Load(c.file, os.Getenv)
	if err != nil {
		return "", err
	}
	named := data != ""
	if !named {
		data = conf.Data
	}
	path := filepath.Join(data, "default", "vigil.db")
	if _, err := os.Stat(path); err != nil {
		return "", vigil.Errorf(vigil.NotFound, "database_missing", "no database at %s", path).
			Hinted("name the directory that Vigil uses with --data, or start it: vigil up")
	}
	if !named {
		fmt.Fprintln(c.err, "database:", path)
	}
	return path, nil
}

// elsewhere reports whether --server or VIGIL_SERVER names another machine. A
// URL that cannot be read is told by who uses it.
func (c *cli) elsewhere() bool {
	u, err := url.Parse(c.server)
	if err != nil || u.Hostname() == "" || u.Hostname() == "localhost" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err != nil || !ip.Unmap().IsLoopback()
}

// objects turns rows into what JSON prints: one object a row.
func objects(columns []string, rows [][]any) []map[string]any {
	out := make([]map[string]any, 0, len(rows))
	for _, r := range rows {
		o := make(map[string]any, len(columns))
		for i, name := range columns {
			switch v := r[i].(type) {
			case []byte:
				r[i] = fmt.Sprintf("x'%x'", v)
			case float64:
				if math.IsNaN(v) || math.IsInf(v, 0) { // JSON has no such number
					r[i] = strconv.FormatFloat(v, 'g', -1, 64)
				}
			}
			o[name] = r[i]
		}
		out = append(out, o)
	}
	return out
}
