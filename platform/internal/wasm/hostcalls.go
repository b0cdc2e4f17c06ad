package wasm

import (
	"context"
	"unicode/utf8"

	"github.com/techmedaddy/vigil/sdk/abi"
)

// hostFuncs is everything that a guest may import.
func hostFuncs() []hostFunc { return append(vigilFuncs(), wasiFuncs()...) }

func vigilFuncs() []hostFunc {
	f := func(name, params, results string, call func(context.Context, *world, memory, []uint64) uint64) hostFunc {
		return hostFunc{abi.ImportModule, name, sig(params, results), call}
	}
	return []hostFunc{
		f(abi.ImportLog, "iii", "", hostLog),
		f(abi.ImportLogLevel, "", "i", func(_ context.Context, w *world, _ memory, _ []uint64) uint64 {
			return uint64(uint32(w.level))
		}),
		f(abi.ImportDeadline, "", "I", func(_ context.Context, w *world, _ memory, _ []uint64) uint64 {
			return uint64(w.deadline)
		}),
		f(abi.ImportCall, "iiii", "I", hostCall),
		f(abi.ImportReply, "ii", "i", hostReply),
		f(abi.ImportSpanEvent, "ii", "", func(_ context.Context, w *world, mem memory, args []uint64) uint64 {
			w.log.add("event " + line(mem, args[0], args[1]))
			return 0
		}),
	}
}

func hostLog(_ context.Context, w *world, mem memory, args []uint64) uint64 {
	if text := line(mem, args[1], args[2]); int32(args[0]) >= w.level {
		w.log.add(text)
	}
	return 0
}

// line copies a guest's text, cut to the length of a log line.
func line(mem memory, ptr, size uint64) string {
	return cut(string(mem.view(uint64(uint32(ptr)), uint64(min(uint32(size), maxLogLine)))), maxLogLine)
}

// hostCall asks the world for a deed and keeps the answer for reply. The host
// never calls back into the guest, so that its allocator is never re-entered.
func hostCall(ctx context.Context, w *world, mem memory, args []uint64) uint64 {
	op := mem.copied(args[0], args[1], maxOp)
	req := mem.copied(args[2], args[3], maxRequest)
	denied, unsupported := abi.ErrDenied, abi.ErrUnsupported
	if w.caller == nil {
		return uint64(denied)
	}
	if !utf8.Valid(op) {
		return uint64(unsupported)
	}
	if w.calls++; w.calls > maxCalls {
		panic(trap("guest_quota", "guest made more than %d host calls", maxCalls))
	}
	if w.waits != nil {
		w.waits()
	}
	w.turn.away(ctx, func() { w.reply = w.caller.Call(ctx, string(op), req) })
	if len(w.reply) > maxReply {
		w.reply = nil
		return uint64(unsupported)
	}
	w.feed(len(w.reply))
	return uint64(len(w.reply))
}

func hostReply(_ context.Context, w *world, mem memory, args []uint64) uint64 {
	n := min(len(w.reply), int(uint32(args[1])))
	return uint64(copy(mem.view(uint64(uint32(args[0])), uint64(n)), w.reply))
}
