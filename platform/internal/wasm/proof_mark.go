package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
)

// proofMark is the file that says that a module passed its proof, with this
// code and these engines, for this machine. It lies beside the machine code
// that is believed as much. It is "" if nothing can be kept.
func (e *Engine) proofMark(digest string, code []byte) string {
	if e.o.CacheDir == "" {
		return ""
	}
	sum := sha256.New()
	for _, part := range []string{digest, runtimeVersion(), runtime.GOARCH} {
		sum.Write([]byte(part + "\x00"))
	}
	sum.Write(code)
	return filepath.Join(e.o.CacheDir, "proven", hex.EncodeToString(sum.Sum(nil)))
}

func marked(mark string) bool {
	_, err := os.Stat(mark)
	return mark != "" && err == nil
}

// markProven keeps the mark. Without it the proof is only played again.
func (e *Engine) markProven(ctx context.Context, mark string) {
	if mark == "" {
		return
	}
	err := os.MkdirAll(filepath.Dir(mark), 0o700)
	if err == nil {
		err = os.WriteFile(mark, nil, 0o600)
	}
	if err != nil {
		e.log.WarnContext(ctx, "proof of a module is not remembered", "err", err)
	}
}

// runtimeVersion is that of wazero, dev in a test, whose binary does not say:
// the names that wazero itself gives to its caches.
func runtimeVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/tetratelabs/wazero" {
				return dep.Version
			}
		}
	}
	return "dev"
}
