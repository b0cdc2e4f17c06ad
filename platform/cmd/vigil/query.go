package main

import (
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) query() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "query [NAME]",
		Short: "Show the newest samples, of one metric or of all",
		Example: `  vigil query cpu_usage
  vigil query --limit 100 -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			samples, err := api.Latest(cmd.Context(), limit, name)
			if err != nil {
				return err
			}
			return c.print(samples, func(w io.Writer) {
				row(w, "SERIES", "VALUE", "TIME")
				for _, s := range samples {
					row(w, seriesOf(s), strconv.FormatFloat(s.Value, 'g', 6, 64), ago(s.Time))
				}
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "at most this many samples")
	return cmd
}

func seriesOf(s vigil.Sample) string {
	return vigil.Series{Name: s.Name, Labels: s.Labels}.String()
}
