package main

import (
	"cmp"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) auditTip() *cobra.Command {
	return &cobra.Command{
		Use:   "tip",
		Short: "Print the newest record's number and link, to keep somewhere else",
		Long: `Print the newest record's number and link, to keep somewhere else.

Whoever keeps the line where nobody who runs Vigil can change it can later show
that nothing before it was changed: the record of that number must still have
that link (of number 42: vigil audit ls --after 41 --limit 1 -o json).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			recs, err := api.Audit(cmd.Context(), -1, 1)
			if err != nil {
				return err
			}
			if len(recs) == 0 {
				return vigil.Errorf(vigil.NotFound, "audit_empty", "the audit log has no record yet").Hinted("try again when something has happened")
			}
			tip := vigil.AuditTip{Seq: recs[0].Seq, Chain: recs[0].Chain, At: recs[0].At}
			return c.print(tip, func(w io.Writer) { row(w, tip.Seq, tip.Chain, tip.At.Format(time.RFC3339)) })
		},
	}
}

func (c *cli) auditRekey() *cobra.Command {
	var data string
	var lost bool
	cmd := &cobra.Command{
		Use:   "rekey",
		Short: "Make a new audit key; the old ones stay for what they made",
		Long: `Make a new audit key; the old ones stay for what they made.

The collector uses it from its next start on. If the key file is lost for good,
--lost says so: records that were made with it can no longer be verified, and the
log can go on.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := config.Load(c.file, os.Getenv)
			if err != nil {
				return err
			}
			conf.Data = cmp.Or(data, conf.Data)
			log, err := openKept(conf, "")
			if err != nil {
				return err
			}
			err = log.open(cmd.Context(), func(db *sqlite.DB) error { return log.ring.Rekey(cmd.Context(), db, lost) })
			if err != nil {
				return err
			}
			done := struct {
				File string `json:"file"`
				ID   string `json:"id"`
			}{log.ring.Path(), log.ring.ID()}
			return c.print(done, func(w io.Writer) {
				row(w, "key "+done.ID, "in", done.File, "from the next start on; keep a copy of the file")
			})
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "`directory` of all state (default $XDG_DATA_HOME/vigil)")
	cmd.Flags().BoolVar(&lost, "lost", false, "nobody has the keys any more that the file lacks")
	return cmd
}
