package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/module/trial"
	"github.com/techmedaddy/vigil/sdk/actiontest"
	"github.com/techmedaddy/vigil/sdk/policytest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxVector bounds a test vector, in bytes.
const maxVector = 8 << 20

func (c *cli) moduleRun() *cobra.Command {
	var settings string
	cmd := &cobra.Command{
		Use:   "run FILE.wasm VECTOR",
		Short: "Run a module in the sandbox on one test vector, and print what it says",
		Long: `Run a module in the sandbox on one test vector, and print what it says.

What the vector wants does not matter and may be left out. A policy judges its
series; an action runs in its world, which is no real one.`,
		Example: `  vigil module run threshold.wasm testdata/above.json
  echo '{"series": [{"name": "q", "samples": [[0, 7], [10, 99]]}]}' | vigil module run mine.wasm - --settings '{"above": 10}'`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := readBounded(args[0], vigil.MaxModuleSize)
			if err != nil {
				return err
			}
			doc, err := readBounded(args[1], maxVector)
			if err != nil {
				return err
			}
			if settings != "" && !json.Valid([]byte(settings)) {
				return usageError{fmt.Errorf("settings %q are no JSON", settings)}
			}
			s, err := openSandbox(cmd.Context(), code)
			if err != nil {
				return err
			}
			defer s.close(cmd.Context())
			if s.manifest.Kind == vigil.ActionModule {
				return c.runAction(cmd.Context(), s, doc, []byte(settings))
			}
			return c.runPolicy(cmd.Context(), s, doc, []byte(settings))
		},
	}
	cmd.Flags().StringVar(&settings, "settings", "", "settings or parameters, as `JSON`, instead of the vector's")
	return cmd
}

func (c *cli) runPolicy(ctx context.Context, s *sandbox, doc, settings []byte) error {
	v, err := policytest.Parse(doc)
	if err != nil {
		return vigil.Errorf(vigil.Invalid, "module_vectors", "%v", err)
	}
	if len(settings) > 0 {
		v.Settings = settings
	}
	p, err := s.policy(ctx)
	if err != nil {
		return err
	}
	defer p.Close(ctx)
	said, err := trial.Judge(ctx, p, v)
	if err != nil {
		return err
	}
	return c.print(said, func(w io.Writer) {
		row(w, "AT", "SERIES", "SAYS", "VALUE", "MESSAGE")
		for _, d := range said {
			series := vigil.Series{Name: v.Series[d.Series].Name, Labels: v.Series[d.Series].Labels}
			row(w, time.Duration(d.At), series, d.Kind, float64(*d.Value), *d.Message)
		}
	})
}

// acted is what module run prints of an action as data.
type acted struct {
	Output vigil.ActionOutput `json:"output"`
	Calls  []actiontest.Call  `json:"calls"`
	Log    []string           `json:"log"`
}

func (c *cli) runAction(ctx context.Context, s *sandbox, doc, with []byte) error {
	v, err := actiontest.Parse(doc)
	if err != nil {
		return vigil.Errorf(vigil.Invalid, "module_vectors", "%v", err)
	}
	if len(with) > 0 {
		v.Input.With = with
	}
	world := trial.World{World: v.World()}
	out, lines, err := s.run(ctx, v.Input, world)
	if err != nil {
		return err
	}
	return c.print(acted{out, world.Calls, lines}, func(w io.Writer) {
		for _, call := range world.Calls {
			row(w, "CALL", call.Op, string(call.Request))
		}
		for _, line := range lines {
			row(w, "LOG", line)
		}
		row(w, "OK", out.OK)
		row(w, "CODE", orDash(out.Code))
		row(w, "MESSAGE", orDash(out.Message))
	})
}
