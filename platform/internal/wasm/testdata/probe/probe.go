// Command probe is a guest that tries what a guest might try. It is built by
// the tests of the sandbox, and speaks the ABI without the SDK.
package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"
	"unsafe"
)

//go:wasmimport vigil_v1 call
func hostCall(op unsafe.Pointer, opLen uint32, req unsafe.Pointer, reqLen uint32) int64

//go:wasmimport vigil_v1 reply
func hostReply(ptr unsafe.Pointer, room uint32) int32

//go:wasmimport vigil_v1 log
func hostLog(level int32, ptr unsafe.Pointer, size uint32)

//go:wasmimport vigil_v1 deadline
func hostDeadline() int64

var (
	buffer []byte
	answer []byte
	runs   int
	keep   [][]byte
)

//go:wasmexport vigil_abi_v1
func marker() {}

//go:wasmexport vigil_buffer
func reserve(size int32) int32 {
	if int(size) > len(buffer) {
		buffer = make([]byte, max(size, 64))
	}
	return int32(uintptr(unsafe.Pointer(&buffer[0])))
}

//go:wasmexport vigil_last_error
func lastError() int64 { return say([]byte(`{"code":"probe","message":"the probe refused"}`)) }

//go:wasmexport vigil_run
func run(_, size int32) int64 {
	runs++
	var in struct {
		With struct{ Do, Op string }
	}
	if err := json.Unmarshal(buffer[:size], &in); err != nil {
		return -2
	}
	code, message := do(in.With.Do, in.With.Op)
	if code == "refuse" {
		return -1
	}
	out, _ := json.Marshal(map[string]any{"ok": code == "", "code": code, "message": message})
	return say(out)
}

func do(what, op string) (code, message string) {
	switch what {
	case "runs":
		return "", fmt.Sprint(runs)
	case "refuse":
		return "refuse", ""
	case "panic":
		panic("the probe panics")
	case "exit":
		os.Exit(3)
	case "memory":
		for {
			keep = append(keep, make([]byte, 1<<20))
		}
	case "loop":
		for {
			runs++
		}
	case "sleep":
		start := time.Now()
		time.Sleep(20 * time.Millisecond)
		return "", fmt.Sprint(time.Since(start) >= 20*time.Millisecond)
	case "outside":
		return outside()
	case "random":
		b := make([]byte, 16)
		_, err := rand.Read(b)
		return "", fmt.Sprintf("%x %v", b, err)
	case "flood":
		for i := range 1000 {
			fmt.Println("line", i)
		}
	case "log":
		text := []byte("a word from the probe")
		hostLog(0, unsafe.Pointer(&text[0]), uint32(len(text)))
	case "deadline":
		return "", fmt.Sprint(time.Until(time.Unix(0, hostDeadline())) > time.Second)
	case "call":
		return call(op, `{"service":"web"}`)
	case "calls":
		for {
			call(op, "{}")
		}
	}
	return "", ""
}

// outside tries files, the environment, arguments and sockets.
func outside() (code, message string) {
	if _, err := os.ReadFile("/etc/passwd"); err == nil {
		return "escaped", "read a file"
	}
	if err := os.WriteFile("/tmp/probe", nil, 0o600); err == nil {
		return "escaped", "wrote a file"
	}
	if len(os.Environ()) > 0 || len(os.Args) > 1 {
		return "escaped", "saw the environment"
	}
	if _, err := net.Dial("tcp", "127.0.0.1:8000"); err == nil {
		return "escaped", "reached the network"
	}
	return "", "inside"
}

func call(op, req string) (code, message string) {
	n := hostCall(unsafe.Pointer(unsafe.StringData(op)), uint32(len(op)), unsafe.Pointer(unsafe.StringData(req)), uint32(len(req)))
	if n < 0 {
		return "errno", fmt.Sprint(n)
	}
	b := make([]byte, n+1)
	n = int64(hostReply(unsafe.Pointer(&b[0]), uint32(len(b))))
	return "", string(b[:n])
}

func say(b []byte) int64 {
	answer = b
	return int64(uintptr(unsafe.Pointer(&answer[0])))<<32 | int64(len(answer))
}

func main() {}
