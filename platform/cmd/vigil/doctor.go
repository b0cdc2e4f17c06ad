package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/platform/internal/module/builtin"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// finding is one thing that doctor looked at.
type finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Says string `json:"says"`
	Try  string `json:"try,omitempty"`
}

func (c *cli) doctor() *cobra.Command {
	var data string
	var deep bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what a person would check when something is wrong",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found := c.examine(cmd.Context(), data)
			if deep {
				found = append(found, c.examineHistory(cmd.Context(), data))
			}
			bad := 0
			err := c.print(found, func(w io.Writer) {
				for _, f := range found {
					mark := "ok"
					if !f.OK {
						mark = "BAD"
					}
					row(w, mark, f.What, f.Says)
					if f.Try != "" {
						row(w, "", "", "try: "+f.Try)
					}
				}
			})
			for _, f := range found {
				if !f.OK {
					bad++
				}
			}
			if err == nil && bad > 0 {
				err = fmt.Errorf("%d of %d checks failed", bad, len(found))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "`directory` of all state (default $XDG_DATA_HOME/vigil)")
	cmd.Flags().BoolVar(&deep, "deep", false, "also read the whole database and compare every checksum")
	return cmd
}

// examineHistory looks at every page and row of the database.
func (c *cli) examineHistory(ctx context.Context, data string) finding {
	path, err := c.database(data)
	var h sqlite.Health
	if err == nil {
		h, err = sqlite.Examine(ctx, path, decoders(), c.progress("checked", blocks))
		c.progressEnd()
	}
	if err == nil {
		err = h.Err()
	}
	says := healthWords(h)
	if h.Aside > 0 {
		says += fmt.Sprintf(", %d damaged rows set aside earlier", h.Aside)
	}
	return judge("database", says, err)
}

func (c *cli) examine(ctx context.Context, data string) []finding {
	conf, err := config.Load(c.file, os.Getenv)
	found := []finding{judge("configuration", orDash(c.file), err)}
	if err != nil {
		conf = config.Default()
	}
	if data != "" {
		conf.Data = data
	}
	mods, err := builtin.Modules()
	if err == nil && len(mods) == 0 {
		err = vigil.Errorf(vigil.Invalid, "no_modules", "this binary carries no modules").Hinted("build it with ./scripts/build")
	}
	found = append(found,
		judge("modules", fmt.Sprintf("%d built in", len(mods)), err),
	)
	if data == "" && c.elsewhere() {
		found = append(found, judge("data directory", "not looked at: "+c.server+" is on another machine", nil))
	} else {
		found = append(found, judge("data directory", conf.Data, writable(conf.Data)))
	}
	api, err := c.client()
	if err != nil {
		return append(found, judge("collector", c.server, err))
	}
	return append(found, examineServer(ctx, api, c.server)...)
}

func examineServer(ctx context.Context, api *client.Client, server string) []finding {
	err := api.Ready(ctx)
	found := []finding{judge("collector", server+" is ready", err)}
	if err != nil {
		return found
	}
	k, err := api.KillSwitch(ctx)
	if err == nil && k.Engaged {
		err = vigil.Errorf(vigil.Held, "kill_switch", "engaged by %s: %s", k.By, cmp.Or(k.Reason, "no reason given")).Hinted("vigil killswitch lift")
	}
	found = append(found, judge("kill switch", "not engaged", err))

	hands, err := api.Remediators(ctx)
	found = append(found, examineHands(hands, err, server)...)

	last, err := api.Latest(ctx, 1, "")
	says := "none yet"
	if len(last) == 1 {
		says = "newest " + ago(last[0].Time)
		if err == nil && time.Since(last[0].Time) > time.Minute {
			err = vigil.Errorf(vigil.NotFound, "silent", "the newest sample came %s", ago(last[0].Time)).Hinted("vigil-agent --collector %s", server)
		}
	}
	return append(found, judge("samples", says, err))
}

// unheard is how long a remediator may be silent; its long poll is shorter.
const unheard = 2 * time.Minute

// examineHands judges the remediators and the services that they see.
func examineHands(hands []vigil.Remediator, err error, server string) []finding {
	services, down, silent := 0, []string{}, []string{}
	for _, h := range hands {
		if time.Since(h.SeenAt) > unheard {
			silent = append(silent, h.ID+" since "+ago(h.SeenAt))
		}
		for _, s := range h.Services {
			services++
			if !s.Up {
				down = append(down, s.Service+"@"+h.Host)
			}
		}
	}
	try := "vigil remediator --collector " + server
	switch {
	case err != nil:
	case len(hands) == 0:
		err = vigil.Errorf(vigil.NotFound, "no_remediator", "no remediator is registered, so nothing can be healed").Hinted("%s", try)
	case len(silent) > 0:
		err = vigil.Errorf(vigil.NotFound, "remediator_silent", "silent: %s", strings.Join(silent, ", ")).Hinted("%s", try)
	}
	found := []finding{judge("remediators", fmt.Sprint(len(hands)), err)}
	if services == 0 {
		return found
	}
	err = nil
	if len(down) > 0 {
		err = vigil.Errorf(vigil.NotFound, "services_down", "%d of %d down: %s", len(down), services, strings.Join(down, ", ")).
			Hinted("vigil remediation ls")
	}
	return append(found, judge("services", fmt.Sprintf("%d, all up", services), err))
}

func judge(what, fine string, err error) finding {
	if err == nil {
		return finding{What: what, OK: true, Says: fine}
	}
	f := finding{What: what, Says: err.Error()}
	if e, ok := errors.AsType[*vigil.Error](err); ok {
		f.Try = e.Hint
	}
	return f
}

// writable reports whether state can be kept in a directory, or in the nearest
// parent that exists.
func writable(dir string) error {
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is no directory", dir)
		}
		if err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return fmt.Errorf("no directory at %s", dir)
		}
		dir = parent
	}
	f, err := os.CreateTemp(dir, ".vigil-doctor-*")
	if err != nil {
		return vigil.Errorf(vigil.Invalid, "data_unwritable", "%v", err).Hinted("choose another directory with --data")
	}
	_, full := f.Write(make([]byte, 64<<10)) // a full disk still takes empty files
	if err := errors.Join(full, f.Close(), os.Remove(f.Name())); err != nil {
		return vigil.Errorf(vigil.Invalid, "data_unwritable", "%v", err).Hinted("free space there, or choose another directory with --data")
	}
	return nil
}
