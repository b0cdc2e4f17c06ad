//go:build !linux

package capability

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// supported says whether this system has what the driver command needs. Without
// it every configuration is refused, and nothing below is reached.
const supported = false

var errNoDriver = errors.New("driver command needs Linux")

func signalNamed(string) (syscall.Signal, bool)                { return 0, false }
func look(int) (stat, error)                                   { return stat{}, errNoDriver }
func alive(process) bool                                       { return false }
func reap(process) bool                                        { return false }
func signal(process, syscall.Signal) error                     { return errNoDriver }
func members(process) []process                                { return nil }
func killGroup(process) bool                                   { return false }
func spawn(ServiceConfig, []string, *os.File) (process, error) { return process{}, errNoDriver }
func bootID() (string, error)                                  { return "", nil }
func startedAt(process) time.Time                              { return time.Time{} }
func runs(process, string) bool                                { return false }
func owner(process) (uint32, bool)                             { return 0, false }
func ownerOf(os.FileInfo) (uint32, bool)                       { return 0, false }
func findMarked(string) process                                { return process{} }
func openPidfile(path string) (*os.File, error)                { return nil, errNoDriver }
