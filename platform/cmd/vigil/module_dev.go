package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// lookEvery is how often module dev looks for a saved file.
const lookEvery = 250 * time.Millisecond

func (c *cli) moduleDev() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "dev [DIR]",
		Short: "On every save: test the module, upload it and judge with it, in shadow",
		Long: `On every save: test the module, upload it and judge with it, in shadow.

What fails to build or to pass its vectors is told and changes nothing: the
version before it goes on judging. A policy is bound as policy.yaml in the
folder says, but always in shadow, where it decides and records and never acts.
A policy of that name that may act already is left alone.`,
		Example: "  vigil module dev queue-long",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			d := &dev{cli: c, api: api, dir: ".", file: file}
			if len(args) == 1 {
				d.dir = args[0]
			}
			d.file = orElse(file, filepath.Join(d.dir, "policy.yaml"))
			return d.watch(cmd.Context())
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "policy `file` (default policy.yaml in the folder)")
	return cmd
}

// dev is one author at work on one module.
type dev struct {
	*cli
	api       *client.Client
	dir, file string
	mine      string // digest of the last version, if it was not known before
}

// watch takes a turn now and after each save, until it is interrupted. A save
// counts once the folder rests, since editors write in several steps.
func (d *dev) watch(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for done, before := "", ""; ; {
		now, err := module.Fingerprint(d.dir)
		if err != nil && done == "" {
			return err // later a file may just be on its way
		}
		if now == before && now != done && err == nil {
			done = now
			d.turn(ctx)
		}
		before = now
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// turn does all that can fail before anything changes, and tells how it went.
func (d *dev) turn(ctx context.Context) {
	fmt.Fprintf(d.err, "%s  building\n", time.Now().Format(time.TimeOnly))
	said, err := d.try(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		d.complain(err)
		fmt.Fprintln(d.err, "nothing changed; save again")
		return
	}
	fmt.Fprintf(d.out, "%s  %s\n", time.Now().Format(time.TimeOnly), plain(said))
}

func (d *dev) try(ctx context.Context) (string, error) {
	t, code, err := testFolder(ctx, d.dir, filepath.Join(d.dir, "testdata"))
	if err != nil {
		return "", err
	}
	if t.said != nil || t.Failed > 0 {
		return "", d.tell(t)
	}
	p, err := d.policy(ctx)
	if err != nil {
		return "", err
	}
	m, known, err := d.api.UploadModule(ctx, code)
	if err != nil {
		return "", err
	}
	said := fmt.Sprintf("%s %s: %d plays ok, uploaded %s", m.Name, m.Version, len(t.Results), short(m.Digest))
	if p == nil {
		return said, nil
	}
	p.Module, p.Mode = m.Digest, vigil.Shadow
	doc, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encode policy: %w", err)
	}
	got, _, err := d.api.ApplyPolicy(ctx, p.Name, "application/json", doc)
	if err != nil {
		return "", err
	}
	d.retire(ctx, m.Digest, known)
	return fmt.Sprintf("%s, policy %s revision %d judges in shadow", said, got.Name, got.Revision), nil
}

// retire removes the version that now was replaced, if it came from here: one
// a save would soon be many. Whatever else still uses it keeps it.
func (d *dev) retire(ctx context.Context, now string, known bool) {
	before := d.mine
	if before == now {
		return
	}
	if d.mine = now; known {
		d.mine = ""
	}
	if before == "" {
		return
	}
	if err := d.api.DeleteModule(ctx, before); err != nil && vigil.KindOf(err) != vigil.Conflict {
		d.complain(err)
	}
}

// policy reads the policy that binds the module; nil if there is none, as for
// an action. One that may act already is not taken over.
func (d *dev) policy(ctx context.Context) (*vigil.Policy, error) {
	if _, err := os.Stat(d.file); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	doc, err := readBounded(d.file, maxPolicy)
	if err != nil {
		return nil, err
	}
	p, err := config.Policy(d.file, doc)
	if err != nil {
		return nil, err
	}
	have, err := d.api.Policy(ctx, p.Name)
	if err != nil && vigil.KindOf(err) != vigil.NotFound {
		return nil, err
	}
	if err == nil && have.Mode != vigil.Shadow && have.Mode != vigil.Disabled {
		return nil, vigil.Errorf(vigil.Conflict, "policy_acts", "policy %s is in mode %s; module dev works in shadow only", p.Name, have.Mode).
			Hinted("name it differently in %s, or vigil policy mode %s shadow", d.file, p.Name)
	}
	return &p, nil
}
