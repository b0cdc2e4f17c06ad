package main

import (
	"fmt"
	"io"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) moduleState() *cobra.Command {
	cmd := &cobra.Command{
		Use: "state", Short: "See and delete what a module keeps for itself", Args: onlyCommands, RunE: help,
		Long: `See and delete what a module keeps for itself. It is kept by the module's kind and
name, for all its versions and all policies that use it.`,
	}
	cmd.AddCommand(c.stateList(), c.stateShow(), c.stateRemove())
	return cmd
}

func (c *cli) stateList() *cobra.Command {
	return &cobra.Command{
		Use: "ls MODULE [PREFIX]", Short: "List keys and how their values begin", Aliases: []string{"list"}, Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			all, err := api.ModuleState(cmd.Context(), args[0], append(args, "")[1])
			if err != nil {
				return err
			}
			return c.print(all, func(w io.Writer) {
				row(w, "KEY", "BYTES", "VALUE")
				for _, e := range all {
					row(w, e.Key, len(e.Value), glimpse(e.Value))
				}
			})
		},
	}
}

// glimpse is how a value begins, quoted unless it is plain text.
func glimpse(value []byte) string {
	const most = 40
	text, cut := string(value), len(value) > most
	if cut {
		text = text[:most]
		for !utf8.ValidString(text) && len(text) > most-utf8.UTFMax {
			text = text[:len(text)-1] // a letter was cut in half
		}
	}
	text = legible(text)
	if cut {
		text += "…"
	}
	return text
}

// legible is a text as it is, and what is none quoted, so that it cannot reach
// the terminal.
func legible(text string) string {
	for _, r := range text {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' || r == utf8.RuneError {
			return strconv.Quote(text)
		}
	}
	return text
}

func (c *cli) stateShow() *cobra.Command {
	return &cobra.Command{
		Use: "show MODULE KEY", Short: "Print one value", Args: cobra.ExactArgs(2),
		Long: "Print one value: text as it is, what is none quoted. With -o json it is base64.",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			all, err := api.ModuleState(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if len(all) == 0 || all[0].Key != args[1] { // in order: the key itself comes before longer ones
				return vigil.Errorf(vigil.NotFound, "state_not_found", "module %s keeps no key %q", args[0], args[1]).
					Hinted("vigil module state ls %s", args[0])
			}
			if c.format == "json" || c.format == "yaml" {
				return c.print(all[0], nil)
			}
			_, err = fmt.Fprintln(c.out, legible(string(all[0].Value)))
			return err
		},
	}
}

func (c *cli) stateRemove() *cobra.Command {
	return &cobra.Command{
		Use: "rm MODULE KEY", Short: "Delete one key", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			if err := api.RemoveModuleState(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			fmt.Fprintf(c.err, "module %s no longer keeps %q\n", args[0], args[1])
			return nil
		},
	}
}
