package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (c *cli) moduleDelete() *cobra.Command {
	return &cobra.Command{
		Use:   "rm MODULE",
		Short: "Delete a module that nothing uses, and its grants",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			if err := api.DeleteModule(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(c.err, "module %s deleted\n", args[0])
			return nil
		},
	}
}
