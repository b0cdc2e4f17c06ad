package httpd_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/httpd"
)

func TestServe_StopsAtOnceWhenItIsStoppedBeforeItBegan(t *testing.T) {
	t.Parallel()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for range 20 {
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close() // lets a Serve that failed this test go
		ended := make(chan error, 1)
		go func() { ended <- httpd.New(httpd.Options{}).Serve(stopped, ln) }()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Serve of an ended context = %v, want nil", err)
			}
		case <-time.After(4 * time.Second):
			t.Fatal("Serve of an ended context goes on")
		}
	}
}
