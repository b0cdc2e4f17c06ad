package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/app"
	"github.com/techmedaddy/vigil/platform/internal/policy"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// replayed is a decision beside what a replay of it says.
type replayed struct {
	Decision string      `json:"decision"`
	Same     bool        `json:"same"`
	Was      policy.Said `json:"was"`
	Now      policy.Said `json:"now"`
	Digest   string      `json:"digest"` // of the module that was asked now
	Changed  bool        `json:"changed_module,omitempty"`
	Engine   string      `json:"engine,omitempty"`
	Fuel     int64       `json:"fuel"`
}

func (c *cli) decisionReplay() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "replay ID",
		Short: "Judge a decision again, and say whether it comes out the same",
		Long: `Judge a decision again, and say whether it comes out the same.

The module runs in a sandbox here, with the decision's own samples, settings and
time; what it asked of the host is answered as it was. Nothing else is read, and
nothing is changed. The exit code is 0 if verdict, value and reason are the same
to the last bit, else 1. With --module it is another module that judges.`,
		Example: `  vigil decision replay dec-4k2j9q8x7m
  vigil decision replay dec-4k2j9q8x7m --module ./threshold.wasm`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			d, err := api.Decision(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			r, err := replay(cmd.Context(), api, d, file)
			if err != nil {
				return err
			}
			if err := c.print(r, func(w io.Writer) { drawReplay(w, r) }); err != nil || r.Same {
				return err
			}
			return status(1)
		},
	}
	cmd.Flags().StringVar(&file, "module", "", "ask this module `file` instead of the one that decided")
	return cmd
}

// replay asks the module that decided, or the one in a file.
func replay(ctx context.Context, api *client.Client, d vigil.Decision, file string) (r replayed, err error) {
	if err := policy.Replayable(d); err != nil {
		return r, err
	}
	code, err := moduleOf(ctx, api, d, file)
	if err != nil {
		return r, err
	}
	s, err := openSandbox(ctx, code)
	if err != nil {
		return r, fmt.Errorf("open the module: %w", err)
	}
	defer s.close(ctx)
	p, err := s.policy(ctx)
	if err != nil {
		return r, fmt.Errorf("open the module: %w", err)
	}
	defer p.Close(ctx)
	r = replayed{Decision: d.ID, Was: policy.SaidBy(d), Digest: s.digest, Changed: s.digest != d.Digest, Engine: d.Engine}
	if r.Now, err = policy.Replay(ctx, d, p.Witness(d.Calls)); err != nil {
		return r, err
	}
	r.Same, r.Fuel = r.Was.Same(r.Now), p.Fuel()
	return r, nil
}

// moduleOf reads a file, or downloads the module that decided.
func moduleOf(ctx context.Context, api *client.Client, d vigil.Decision, file string) ([]byte, error) {
	if file != "" {
		return readBounded(file, vigil.MaxModuleSize)
	}
	code, err := api.ModuleBytes(ctx, d.Digest)
	if vigil.KindOf(err) == vigil.NotFound {
		return nil, vigil.Errorf(vigil.NotFound, "module_gone", "the module %s that decided is no longer uploaded", short(d.Digest)).
			Hinted("if you have its file: vigil decision replay %s --module FILE.wasm", d.ID)
	}
	return code, err
}

func drawReplay(w io.Writer, r replayed) {
	if r.Same {
		row(w, "same", fmt.Sprintf("%s, value %s", r.Now.Verdict, exact(r.Now.Value)), r.Now.Reason)
	} else {
		row(w, "", "was", "is now")
		for _, line := range [][3]string{
			{"verdict", string(r.Was.Verdict), string(r.Now.Verdict)},
			{"value", exact(r.Was.Value), exact(r.Now.Value)},
			{"reason", r.Was.Reason, r.Now.Reason},
		} {
			if line[1] != line[2] {
				row(w, line[0], line[1], line[2])
			}
		}
	}
	if r.Changed {
		row(w, "module", "another one: "+short(r.Digest))
	}
	if here := app.EngineName(versionString()); !r.Same && r.Engine != here {
		row(w, "engine", r.Engine, here)
	}
}
