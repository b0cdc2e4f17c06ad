package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"

	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/platform/internal/module/trial"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// sandbox is an author's own: one module, checked and compiled as the
// collector would, without a collector.
type sandbox struct {
	engine   *wasm.Engine
	code     []byte
	digest   string
	manifest vigil.Manifest
}

// openSandbox checks a module under the collector's limits; its caller closes
// the sandbox.
func openSandbox(ctx context.Context, code []byte) (*sandbox, error) {
	return openSandboxWith(ctx, code, wasm.Options{})
}

func openSandboxWith(ctx context.Context, code []byte, o wasm.Options) (_ *sandbox, err error) {
	if o.CacheDir, err = cacheDir(); err != nil {
		return nil, err
	}
	engine, err := wasm.New(ctx, o)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(code)
	s := &sandbox{engine: engine, code: code, digest: "sha256:" + hex.EncodeToString(sum[:])}
	if s.manifest, err = engine.Check(ctx, code); err != nil {
		s.close(ctx)
		return nil, err
	}
	return s, nil
}

func (s *sandbox) close(ctx context.Context) {
	_ = s.engine.Close(context.WithoutCancel(ctx)) // nothing of it is left to save
}

func (s *sandbox) bytes() ([]byte, error) { return s.code, nil }

func (s *sandbox) policy(ctx context.Context) (*wasm.Policy, error) {
	return s.engine.OpenPolicy(ctx, s.digest, s.bytes)
}

func (s *sandbox) run(ctx context.Context, in vigil.ActionInput, world trial.World) (vigil.ActionOutput, []string, error) {
	return s.engine.RunAction(ctx, s.digest, s.bytes, in, world)
}

// play plays vectors on the module, each policy vector under three splits.
func (s *sandbox) play(ctx context.Context, vectors []string, native string) ([]trial.Result, error) {
	if s.manifest.Kind == vigil.ActionModule {
		return trial.PlayAction(ctx, s.run, vectors, native)
	}
	p, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	defer p.Close(ctx)
	return trial.PlayPolicy(ctx, p, vectors, native)
}

// built builds the module in a folder and returns its bytes, leaving nothing
// behind.
func built(ctx context.Context, dir string) ([]byte, error) {
	scratch, err := os.MkdirTemp("", "vigil-module-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // the system cleans its own temporary folder
	out := filepath.Join(scratch, "module.wasm")
	if err := module.Build(ctx, dir, out); err != nil {
		return nil, err
	}
	return readBounded(out, vigil.MaxModuleSize)
}
