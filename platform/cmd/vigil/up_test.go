package main

import (
	"strings"
	"testing"
	"time"
)

// Commands ask port 8000 unless told otherwise, and what is suggested must work.
func TestUp_OnAnotherPortSaysHowItIsFound(t *testing.T) {
	t.Parallel()
	p := up(t, t.TempDir(), "--no-agent")
	until(t, 10*time.Second, "the address to export is printed", func() bool {
		return strings.Contains(p.Output(), "\n  export VIGIL_SERVER="+p.Collector+"\n  vigil demo burn backend\n")
	})
}
