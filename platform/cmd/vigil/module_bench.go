package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/module/trial"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// weighed is what module bench prints as data.
type weighed struct {
	Module string           `json:"module"`
	Kind   vigil.ModuleKind `json:"kind"`
	trial.Cost
	Pages uint32 `json:"pages"` // of memory, 64 KiB each, the most that an instance had
	Size  int    `json:"size"`  // bytes
}

func (c *cli) moduleBench() *cobra.Command {
	var settings string
	cmd := &cobra.Command{
		Use:   "bench FILE.wasm",
		Short: "Measure what a module costs in the sandbox",
		Long: `Measure what a module costs in the sandbox, through the whole host path: a
policy on batches of 1,000 samples of one calm series and on single samples, an
action in dry runs. Times are those of the fastest round. Fuel is what the meter
charges, more than the instructions that run; it does not depend on how busy the
machine is.`,
		Example: `  vigil module bench threshold.wasm --settings '{"above": 0.8}' -o json`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := readBounded(args[0], vigil.MaxModuleSize)
			if err != nil {
				return err
			}
			got, err := benchModule(cmd.Context(), code, settings)
			if err != nil {
				return err
			}
			return c.print(got, func(w io.Writer) { benchRows(w, got) })
		},
	}
	cmd.Flags().StringVar(&settings, "settings", "", "settings or parameters, as `JSON` (default a guess from the manifest's schema)")
	return cmd
}

func benchModule(ctx context.Context, code []byte, settings string) (weighed, error) {
	// Fuel still ends what does not end by itself; a busy machine must not.
	s, err := openSandboxWith(ctx, code, wasm.Options{Deadline: 10 * time.Second})
	if err != nil {
		return weighed{}, err
	}
	defer s.close(ctx)
	given := json.RawMessage(settings)
	if settings == "" {
		if given, err = trial.Guess(s.manifest.Settings); err != nil {
			return weighed{}, err
		}
	}
	if !json.Valid(given) {
		return weighed{}, usageError{fmt.Errorf("settings %q are no JSON", settings)}
	}
	cost, err := s.weigh(ctx, given)
	if vigil.CodeOf(err) == "settings_invalid" && settings == "" {
		return weighed{}, vigil.AsError(err).Hinted("say which, with --settings; %s was a guess", given)
	}
	return weighed{Module: s.manifest.Name, Kind: s.manifest.Kind, Cost: cost, Pages: s.stats().Pages, Size: len(code)}, err
}

func (s *sandbox) weigh(ctx context.Context, settings json.RawMessage) (trial.Cost, error) {
	scale := trial.Scale{Now: time.Now, Fuel: func() uint64 { return s.stats().Fuel }, For: 500 * time.Millisecond}
	if s.manifest.Kind == vigil.ActionModule {
		return scale.WeighAction(ctx, s.run, settings)
	}
	p, err := s.policy(ctx)
	if err != nil {
		return trial.Cost{}, err
	}
	defer p.Close(ctx)
	return scale.Weigh(ctx, p, settings)
}

func benchRows(w io.Writer, b weighed) {
	row(w, "MODULE", b.Module)
	if b.Kind == vigil.PolicyModule {
		row(w, "A SAMPLE OF 1,000", fmt.Sprintf("%.1f ns", b.NsPerSample), fmt.Sprintf("%.1f fuel", b.FuelPerSample))
	}
	row(w, "A CALL", fmt.Sprintf("%.0f ns", b.NsPerCall), fmt.Sprintf("%.0f fuel", b.FuelPerCall))
	row(w, "MEMORY", sizeText(int(b.Pages)<<16))
	row(w, "SIZE", sizeText(b.Size))
	row(w, "SETTINGS", string(b.Settings))
}

// stats is what the module has cost so far.
func (s *sandbox) stats() wasm.ModuleStats {
	for _, m := range s.engine.Stats().Modules {
		if m.Digest == s.digest {
			return m
		}
	}
	return wasm.ModuleStats{}
}
