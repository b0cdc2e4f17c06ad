//go:build unix

package httpd

import (
	"errors"
	"net"
	"syscall"
)

// hungUp blocks until the connection has something to read or its read
// deadline passes, and reports whether that something is the peer's end. It
// takes nothing out of the socket.
func hungUp(conn net.Conn) bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	gone := false
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
			return false // wait until it is readable
		}
		gone = n <= 0
		return true
	})
	return err == nil && gone
}
