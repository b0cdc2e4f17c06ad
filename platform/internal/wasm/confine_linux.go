package wasm

import (
	"errors"
	"syscall"
)

// confine limits this process for the rest of its life. At the hard limit of
// time the kernel kills it; Go would ignore the signal of a soft one. Memory is
// what it may write to: Go reserves address space by the gigabyte, which costs
// nothing. A core file would hold the module.
func confine(seconds, memory uint64) error {
	limit := func(resource int, most uint64) error {
		return syscall.Setrlimit(resource, &syscall.Rlimit{Cur: most, Max: most})
	}
	if slowdown > 1 { // the race detector needs terabytes
		memory = 1 << 62
	}
	return errors.Join(
		limit(syscall.RLIMIT_CPU, seconds),
		limit(syscall.RLIMIT_DATA, memory),
		limit(syscall.RLIMIT_CORE, 0),
		limit(syscall.RLIMIT_FSIZE, maxEntry),
	)
}

// maxEntry is the largest file that a compiler may write: the machine code of a
// module is about five times as long as the module.
const maxEntry = 1 << 30

// ownGroup starts a process in a group of its own, which dies with this one.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// behind lets a process stand behind those that decide.
func behind(pid int) {
	_ = syscall.Setpriority(syscall.PRIO_PGRP, pid, 5) // it may have ended already
}
