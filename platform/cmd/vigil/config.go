package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/app"
	"github.com/techmedaddy/vigil/platform/internal/config"
)

func (c *cli) config() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check and show the configuration", Args: onlyCommands, RunE: help}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "check [FILE]",
			Short: "Say whether a configuration file is right",
			Example: `  vigil config check vigil.yaml
  vigil config check            the file named by --config, and the environment`,
			Args: cobra.MaximumNArgs(1),
			RunE: func(_ *cobra.Command, args []string) error {
				file := c.file
				if len(args) == 1 {
					file = args[0]
				}
				conf, err := config.Load(file, os.Getenv)
				if err == nil {
					err = config.PointedFile(file, app.Check(conf))
				}
				if err != nil {
					return err
				}
				fmt.Fprintln(c.err, "the configuration is right")
				return nil
			},
		},
		&cobra.Command{
			Use:   "explain",
			Short: "Show the configuration in force, defaults included",
			Args:  cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				conf, err := config.Load(c.file, os.Getenv)
				if err != nil {
					return err
				}
				text, err := config.YAML(conf)
				if err != nil {
					return err
				}
				return c.print(conf, func(w io.Writer) { _, _ = w.Write(text) })
			},
		},
	)
	return cmd
}

// help is what a command that only groups others does.
func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }
