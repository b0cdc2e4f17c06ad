package app

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/techmedaddy/vigil/platform/internal/capability"
	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// demoFiles are the policies that keep the demo services well.
//
//go:embed builtin/*.yaml
var demoFiles embed.FS

func demoPolicies() ([]vigil.Policy, error) {
	names, err := demoFiles.ReadDir("builtin")
	if err != nil {
		return nil, fmt.Errorf("read demo policies: %w", err)
	}
	var out []vigil.Policy
	for _, n := range names {
		doc, err := demoFiles.ReadFile("builtin/" + n.Name())
		if err != nil {
			return nil, fmt.Errorf("read demo policy: %w", err)
		}
		p, err := config.Policy(n.Name(), doc)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// demoServices are two real processes that can be made to misbehave. They live
// and die with this process.
func (a *App) demoServices(dir string) map[string]capability.ServiceConfig {
	out := map[string]capability.ServiceConfig{}
	for _, name := range []string{"web", "backend"} {
		url := filepath.Join(dir, name+".url")
		out[name] = capability.ServiceConfig{
			Driver:    "command",
			Start:     []string{a.o.Self, "demo", "serve", name, "--url-file", url, "--parent", strconv.Itoa(os.Getpid())},
			Stop:      capability.StopConfig{Grace: vigil.Duration(2e9)},
			Ephemeral: true,
			URLFile:   url,
		}
	}
	return out
}
