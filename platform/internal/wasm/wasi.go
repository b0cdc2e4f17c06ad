package wasm

import (
	"context"
	"encoding/binary"
	"io"
	"math"
	"time"
)

const wasiModule = "wasi_snapshot_preview1"

// Error numbers of WASI.
const (
	wasiOK       = 0
	wasiBadFD    = 8
	wasiInvalid  = 28
	wasiIO       = 29
	wasiNotThere = 52
)

// wasiFuncs is the little of WASI that toolchains import. What would reach a
// file answers that there is no such descriptor; what would reach further
// answers that there is no such function.
func wasiFuncs() []hostFunc {
	f := func(name, params string, call func(context.Context, *world, memory, []uint64) uint64) hostFunc {
		return hostFunc{wasiModule, name, sig(params, "i"), call}
	}
	exit := hostFunc{wasiModule, "proc_exit", sig("i", ""), wasiExit}
	return append(refusedFuncs(), exit,
		f("args_sizes_get", "ii", wasiNothing), f("args_get", "ii", wasiZero),
		f("environ_sizes_get", "ii", wasiNothing), f("environ_get", "ii", wasiZero),
		f("clock_res_get", "ii", wasiResolution), f("clock_time_get", "iIi", wasiTime),
		f("fd_write", "iiii", wasiWrite), f("random_get", "ii", wasiRandom),
		f("poll_oneoff", "iiii", wasiPoll), f("sched_yield", "", wasiZero),
	)
}

func refusedFuncs() []hostFunc {
	var all []hostFunc
	add := func(errno uint64, params string, names ...string) {
		for _, name := range names {
			all = append(all, hostFunc{wasiModule, name, sig(params, "i"), func(context.Context, *world, memory, []uint64) uint64 { return errno }})
		}
	}
	add(wasiBadFD, "i", "fd_close", "fd_datasync", "fd_sync")
	add(wasiBadFD, "ii", "fd_fdstat_get", "fd_fdstat_set_flags", "fd_filestat_get", "fd_prestat_get", "fd_renumber", "fd_tell")
	add(wasiBadFD, "iI", "fd_filestat_set_size")
	add(wasiBadFD, "iII", "fd_allocate", "fd_fdstat_set_rights")
	add(wasiBadFD, "iIIi", "fd_advise", "fd_filestat_set_times")
	add(wasiBadFD, "iIii", "fd_seek")
	add(wasiBadFD, "iii", "fd_prestat_dir_name")
	add(wasiBadFD, "iiii", "fd_read")
	add(wasiBadFD, "iiiIi", "fd_pread", "fd_pwrite", "fd_readdir")
	add(wasiNotThere, "i", "proc_raise")
	add(wasiNotThere, "ii", "sock_shutdown")
	add(wasiNotThere, "iii", "path_create_directory", "path_remove_directory", "path_unlink_file", "sock_accept")
	add(wasiNotThere, "iiiii", "path_filestat_get", "path_symlink", "sock_send")
	add(wasiNotThere, "iiiiii", "path_readlink", "path_rename", "sock_recv")
	add(wasiNotThere, "iiiiiii", "path_link")
	add(wasiNotThere, "iiiiIIi", "path_filestat_set_times")
	add(wasiNotThere, "iiiiiIIii", "path_open")
	return all
}

func wasiZero(context.Context, *world, memory, []uint64) uint64 { return wasiOK }

// wasiNothing says that there are no arguments and no environment.
func wasiNothing(_ context.Context, _ *world, mem memory, args []uint64) uint64 {
	mem.put32(args[0], 0)
	mem.put32(args[1], 0)
	return wasiOK
}

// wasiExit ends the call: a guest that exits has no state to go on with.
func wasiExit(_ context.Context, w *world, _ memory, args []uint64) uint64 {
	if why := w.log.crash; why != "" {
		panic(trap("guest_trap", "guest exited with %d: %s", uint32(args[0]), why))
	}
	panic(trap("guest_trap", "guest exited with %d", uint32(args[0])))
}

func wasiResolution(_ context.Context, _ *world, mem memory, args []uint64) uint64 {
	mem.put64(args[1], uint64(time.Microsecond))
	return wasiOK
}

func wasiTime(_ context.Context, w *world, mem memory, args []uint64) uint64 {
	switch uint32(args[0]) {
	case 0:
		mem.put64(args[2], uint64(w.clock.wall()))
	case 1:
		mem.put64(args[2], uint64(w.clock.monotonic()))
	default:
		return wasiInvalid
	}
	return wasiOK
}

// wasiWrite takes standard output and error into the log; there are no other
// descriptors.
func wasiWrite(ctx context.Context, w *world, mem memory, args []uint64) uint64 {
	if fd := uint32(args[0]); fd != 1 && fd != 2 {
		return wasiBadFD
	}
	n := uint32(args[2])
	if n > maxIovecs {
		return wasiInvalid
	}
	vectors := mem.view(uint64(uint32(args[1])), uint64(n)*8)
	written := uint64(0)
	for ; len(vectors) > 0; vectors = vectors[8:] {
		ptr, size := binary.LittleEndian.Uint32(vectors), binary.LittleEndian.Uint32(vectors[4:])
		w.pay(ctx, fuelPerMoved*int64(size))
		w.log.write(mem.view(uint64(ptr), uint64(size)))
		written += uint64(size)
	}
	mem.put32(args[3], uint32(min(written, math.MaxInt32)))
	return wasiOK
}

func wasiRandom(ctx context.Context, w *world, mem memory, args []uint64) uint64 {
	size := uint32(args[1])
	if size > maxRandom {
		return wasiInvalid
	}
	w.pay(ctx, fuelPerMoved*int64(size))
	if _, err := io.ReadFull(w.random, mem.view(uint64(uint32(args[0])), uint64(size))); err != nil {
		return wasiIO
	}
	return wasiOK
}

// A subscription has 48 bytes: u64 userdata, u8 kind (0 is a clock), and for a
// clock u32 id at 16, u64 timeout at 24, u16 flags at 40 (1 is absolute). An
// event has 32: u64 userdata, u16 errno, u8 kind.
const (
	subscriptionSize = 48
	eventSize        = 32
)

// wasiPoll waits for the soonest of the clocks. A descriptor is answered at
// once: there is none.
func wasiPoll(ctx context.Context, w *world, mem memory, args []uint64) uint64 {
	n := uint32(args[2])
	if n == 0 || n > maxIovecs {
		return wasiInvalid
	}
	// The guest's bytes are copied, since in and out may overlap.
	in := mem.copied(args[0], uint64(n)*subscriptionSize, maxIovecs*subscriptionSize)
	out := mem.view(uint64(uint32(args[1])), uint64(n)*eventSize)
	events, soonest, wait := 0, -1, time.Duration(math.MaxInt64)
	for i := range int(n) {
		sub := in[i*subscriptionSize:]
		if sub[8] != 0 {
			putEvent(out[events*eventSize:], sub, wasiBadFD)
			events++
			continue
		}
		if d := w.until(sub); d < wait {
			soonest, wait = i, d
		}
	}
	if events == 0 && soonest >= 0 {
		w.turn.away(ctx, func() { w.clock.wait(ctx, wait) })
		putEvent(out, in[soonest*subscriptionSize:], wasiOK)
		events = 1
	}
	mem.put32(args[3], uint32(events))
	return wasiOK
}

// until reads how long a clock subscription asks to wait.
func (w *world) until(sub []byte) time.Duration {
	at := min(binary.LittleEndian.Uint64(sub[24:]), math.MaxInt64-1)
	if sub[40]&1 == 0 {
		return time.Duration(at)
	}
	if binary.LittleEndian.Uint32(sub[16:]) == 0 {
		return max(0, time.Duration(int64(at)-w.clock.wall()))
	}
	return max(0, time.Duration(int64(at)-w.clock.monotonic()))
}

func putEvent(dst, sub []byte, errno uint16) {
	clear(dst[:eventSize])
	copy(dst, sub[:8])
	binary.LittleEndian.PutUint16(dst[8:], errno)
	dst[10] = sub[8]
}
