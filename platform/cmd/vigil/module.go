package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) module() *cobra.Command {
	cmd := &cobra.Command{Use: "module", Short: "Begin, build, try, upload and list WebAssembly modules", Args: onlyCommands, RunE: help}
	cmd.AddCommand(
		c.moduleNew(), c.moduleBuild(), c.moduleTest(), c.moduleInspect(), c.moduleBench(), c.moduleRun(), c.moduleDev(),
		c.modulePush(), c.moduleList(), c.moduleDelete(), c.moduleState(), c.moduleKeygen(), c.moduleSign(), c.moduleVerify(), c.moduleWarm(),
	)
	return cmd
}

// readBounded reads a file, or standard input for -, of at most max bytes.
func readBounded(path string, most int64) ([]byte, error) {
	in := os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, vigil.Errorf(vigil.NotFound, "file_unreadable", "%v", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, vigil.Errorf(vigil.Invalid, "file_unreadable", "%v", err)
	}
	if int64(len(b)) > most {
		return nil, vigil.Errorf(vigil.TooLarge, "file_too_large", "%s is larger than %d bytes", path, most)
	}
	return b, nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
