//go:build !linux

package command

import (
	"context"
	"errors"
	"io"

	"github.com/techmedaddy/vigil/platform/internal/capability/program"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// supported says whether this system has what a command needs. Without it every
// configuration is refused, and run is not reached.
const supported = false

func (*command) run(context.Context, *program.Program, []string, io.Writer) (vigil.CommandReply, error) {
	return vigil.CommandReply{}, errors.New("commands need Linux")
}
