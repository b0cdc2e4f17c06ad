//go:build !unix

package httpd

import "net"

// hungUp cannot look into a socket here: a long poll ends by its own wait.
func hungUp(net.Conn) bool { return false }
