package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options say who a demo service is and to whom it belongs.
type Options struct {
	Name    string
	URLFile string // written atomically once the service listens
	Parent  int    // pid to which this process must stay a child; 0: it may live on alone
	Log     *slog.Logger
	Exit    func(code int) // how /crash ends the process; nil means os.Exit
}

const (
	lookForParent = 100 * time.Millisecond
	drain         = 300 * time.Millisecond // for requests under way when the service stops
)

// ErrOrphaned says that the parent is gone, and with it the reason to run.
var ErrOrphaned = errors.New("parent process is gone")

// Serve runs the service until ctx ends (nil) or its parent is gone
// (ErrOrphaned).
func Serve(ctx context.Context, o Options) error {
	if o.Exit == nil {
		o.Exit = os.Exit
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer ln.Close()
	if err := announce(o.URLFile, "http://"+ln.Addr().String()); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	b := &burner{}
	server := &http.Server{
		Handler:           handler(ctx, o, b),
		ReadHeaderTimeout: 2 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      5 * time.Second,
		IdleTimeout:       10 * time.Second,
		MaxHeaderBytes:    8 << 10,
	}
	var work sync.WaitGroup
	work.Go(func() { cancel(server.Serve(ln)) })
	work.Go(func() { watchParent(ctx, o.Parent, cancel) })
	o.Log.InfoContext(ctx, "demo service up", "service", o.Name, "addr", ln.Addr().String())
	<-ctx.Done()
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer done()
	if server.Shutdown(stop) != nil {
		_ = server.Close() // whoever still reads has had its time
	}
	work.Wait()
	b.wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// watchParent ends the service when it was handed to another parent, which the
// kernel does when the old one dies. A parent that died before the first look
// is noticed too, since its pid was told from outside.
func watchParent(ctx context.Context, parent int, cancel context.CancelCauseFunc) {
	if parent == 0 {
		return
	}
	tick := time.NewTicker(lookForParent)
	defer tick.Stop()
	for os.Getppid() == parent {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	cancel(ErrOrphaned)
}

// announce writes the URL so that a reader sees all of it or nothing.
func announce(path, url string) error {
	if path == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".url-*")
	if err != nil {
		return fmt.Errorf("announce the address: %w", err)
	}
	_, err = f.WriteString(url + "\n")
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("announce the address: %w", err)
	}
	return nil
}
