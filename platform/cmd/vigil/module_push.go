package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) modulePush() *cobra.Command {
	var signature string
	cmd := &cobra.Command{
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
			sig, err := signatureOf(args[0], signature)
			if err != nil {
				return err
			}
			m, known, err := api.UploadSigned(cmd.Context(), code, sig)
			if err != nil {
				return err
			}
			c.sayWhatItIs(m, known, len(sig) > 0)
			if err := c.print(m, func(w io.Writer) { moduleRows(w, m) }); err != nil {
				return err
			}
			if len(m.Requires) == 0 || known {
				return nil
			}
			return c.sayWhatItMay(cmd.Context(), api, m)
		},
	}
	cmd.Flags().StringVar(&signature, "signature", "", "the module's signature `file` (default FILE.minisig, if it is there)")
	return cmd
}

// sayWhatItIs tells whether the module is new, and what became of the signature
// that came along.
func (c *cli) sayWhatItIs(m vigil.Module, known, signed bool) {
	said := "uploaded"
	if known {
		said = "already there"
	}
	switch {
	case m.SignedBy != "":
		said += ", signed by key " + plain(m.SignedBy)
	case signed && !m.BuiltIn:
		said += "; its signature was not looked at: the collector trusts no key (modules.trusted_keys)"
	}
	fmt.Fprintln(c.err, said)
}

// sayWhatItMay names the grants that a new upload took over from the one before
// it, or what to type to give it some.
func (c *cli) sayWhatItMay(ctx context.Context, api *client.Client, m vigil.Module) error {
	kept, err := api.Grants(ctx, m.Digest)
	if err != nil {
		return err
	}
	if len(kept) > 0 {
		fmt.Fprintln(c.err, "it asks for no more than the version before it and keeps its grants:")
		for _, g := range kept {
			fmt.Fprintf(c.err, "  %s %s on %s\n", plain(g.ID), plain(g.Capability), plain(g.Target))
		}
		return nil
	}
	fmt.Fprintln(c.err, "it may do nothing yet; grant what it asks for:")
	c.sayHowToGrant(m)
	return nil
}

func (c *cli) sayHowToGrant(m vigil.Module) {
	for _, r := range m.Requires {
		fmt.Fprintf(c.err, "  vigil grant add %s %s '%s'\n", plain(m.Name), plain(r.Capability), plain(r.Target))
	}
}
