package conformance

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/techmedaddy/vigil/sdk/policy"
	"github.com/techmedaddy/vigil/sdk/policytest"
)

// Vectors plays the vectors that the glob pattern finds in fsys, each under
// every split. There must be at least one.
func Vectors(g policytest.Guest, fsys fs.FS, pattern string) error {
	paths, err := fs.Glob(fsys, pattern)
	if err != nil {
		return fmt.Errorf("find vectors: %w", err)
	}
	if len(paths) == 0 {
		return fmt.Errorf("no vectors match %s", pattern)
	}
	player := policytest.NewPlayer(g)
	var all []error
	for _, path := range paths {
		v, err := policytest.Load(fsys, path)
		if err == nil {
			err = play(player, v)
		}
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", path, err))
		}
	}
	return errors.Join(all...)
}

func play(player *policytest.Player, v policytest.Vector) error {
	if v.Refused != nil {
		return refused(player.Configure(v), v.Refused.Code, v.Refused.Path)
	}
	var all []error
	for _, split := range policytest.Splits() {
		got, err := player.Play(v, split)
		if err != nil {
			return fmt.Errorf("%s: %w", split.Name, err)
		}
		if diff := policytest.Diff(v.Want, got); diff != "" {
			all = append(all, fmt.Errorf("%s: %s", split.Name, diff))
		}
	}
	return errors.Join(all...)
}

// refused checks why a guest refused.
func refused(err error, code, path string) error {
	var fault *policy.Fault
	if !errors.As(err, &fault) || fault.Code != code || fault.Path != path {
		return fmt.Errorf("answered %s, want %s at %q", fmt.Sprint(err), code, path)
	}
	return nil
}
