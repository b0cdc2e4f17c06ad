package wasm

// The limits of an instance.
const (
	wasmPage     = 64 << 10
	defaultPages = 1024 // 64 MiB
	mostMemory   = 256 << 20

	defaultMemory = 1 << 30
)

// The fuel of one call. A tight loop burns ten units a nanosecond and code of
// the Go compiler twenty, so that an endless one ends after 10 to 20 ms. A policy
// in Go needs about six hundred for each byte of a batch of many series that all
// fire, two hundred for one of a dictionary and two for one of a long series.
const (
	defaultPolicyFuel = 200_000_000
	defaultActionFuel = 5_000_000_000
	fuelPerCall       = 8192 // of a host function, which takes up to a microsecond
	fuelPerMoved      = 16   // byte that a host function takes or gives
	fuelPerByte       = 4096 // of the message that the guest is called with, and of replies to its host calls
)

// The limits of a call.
const (
	maxLogLines     = 200
	maxLogLine      = 1 << 10
	maxCalls        = 256      // host calls of one action run
	maxOp           = 128      // bytes of a capability's name
	maxRequest      = 96 << 10 // bytes of a host call's request
	maxReply        = 2 << 20  // bytes of a host call's reply: the body of an HTTP response in base64, and room
	maxOutput       = 1 << 20  // bytes of an action's output
	maxMessage      = 512      // bytes of a decision's message that are kept
	maxName         = 256      // bytes of a settings path or code that are kept
	maxLastError    = 64 << 10 // bytes of what a guest says of its refusal
	maxIovecs       = 64
	maxRandom       = 64 << 10
	maxKnownSeries  = 1 << 20 // series one instance remembers before it is renewed
	dictionaryChunk = 1024    // series told to a guest in one call
	maxDigests      = 256     // modules in use at once
	maxIdle         = 16      // compiled modules kept while nobody uses them, about 10 MB each
)
