package abi

// Version is the ABI that this package speaks; a module says so by exporting
// ExportMarker.
const Version = 1

// Magic opens a batch: "VGB1" read as a little-endian number.
const Magic uint32 = 'V' | 'G'<<8 | 'B'<<16 | '1'<<24

// Sizes of the fixed parts, in bytes.
const (
	HeaderSize   = 64
	RowSize      = 24
	DecisionSize = 48
	replyHead    = 8 // u32 count, u32 zero, before the decisions
)

// Flags of a series row. In a batch's header only FlagReplay has a meaning: it
// then holds for a batch without rows too.
const (
	FlagStale  = 1 // the source said that the series ended
	FlagReset  = 2 // a counter started anew since the last batch
	FlagLate   = 4 // samples older than some already judged
	FlagReplay = 8 // history, to rebuild state; decisions are discarded
)

// Kind is a guest's verdict on one series, from the time of its decision until
// that of the next decision on the same series. A series of the batch without
// any decision keeps the verdict it had.
type Kind uint8

// The kinds.
const (
	KindOK     Kind = 0
	KindFire   Kind = 1
	KindNoData Kind = 2
	KindInfo   Kind = 3
)

// String is the kind as the dictionary's Verdict writes it.
func (k Kind) String() string {
	switch k {
	case KindOK:
		return "ok"
	case KindFire:
		return "fire"
	case KindNoData:
		return "no_data"
	case KindInfo:
		return "info"
	}
	return "unknown"
}

// OwnRunbook in a decision means the policy's own runbook, not one of the
// module's manifest.
const OwnRunbook uint16 = 0xFFFF

// Bounds on what a guest may answer. The text bounds hold because several
// decisions may point at the same bytes of the arena, and the host copies them.
const (
	MaxDecisions = 1 << 16 // decisions in one reply
	MaxMessage   = 1 << 10 // bytes of one decision's message
	MaxDetails   = 4 << 10 // bytes of one decision's names and values
	MaxText      = 4 << 20 // bytes of all messages and details of a reply
)

// MaxSeries bounds dict_ref, and so the dictionary that a guest keeps.
const MaxSeries = 1 << 20

// Exports of a module. ExportInitialize is optional; policies have
// ExportSeries and ExportEval, actions ExportRun.
const (
	ExportMemory     = "memory"
	ExportInitialize = "_initialize"     // ()
	ExportMarker     = "vigil_abi_v1"    // ()
	ExportBuffer     = "vigil_buffer"    // (min i32) i32
	ExportConfigure  = "vigil_configure" // (config i32, ptr i32, len i32) i64
	ExportSeries     = "vigil_series"    // (ptr i32, len i32) i64
	ExportEval       = "vigil_eval"      // (ptr i32, len i32) i64
	ExportRun        = "vigil_run"       // (ptr i32, len i32) i64
	ExportLastError  = "vigil_last_error"
)

// ImportModule is the only module a guest may import from, apart from the few
// WASI functions its toolchain needs.
const ImportModule = "vigil_v1"

// Functions of ImportModule.
const (
	ImportLog       = "log"        // (level i32, ptr i32, len i32)
	ImportLogLevel  = "log_level"  // () i32
	ImportDeadline  = "deadline"   // () i64, unix nanoseconds
	ImportCall      = "call"       // (op_ptr, op_len, req_ptr, req_len i32) i64
	ImportReply     = "reply"      // (ptr i32, cap i32) i32
	ImportSpanEvent = "span_event" // (ptr i32, len i32)
)

// Levels of ImportLog and ImportLogLevel; they are those of log/slog.
const (
	LevelDebug int32 = -4
	LevelInfo  int32 = 0
	LevelWarn  int32 = 4
	LevelError int32 = 8
)
