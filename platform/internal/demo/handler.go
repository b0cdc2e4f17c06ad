package demo

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// longestBurn bounds ?seconds=; without it a burn ends with the process.
const longestBurn = 3600

// handler serves one service; ctx is the service's life, which bounds a burn.
func handler(ctx context.Context, o Options, b *burner) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%s is well, pid %d\n", o.Name, os.Getpid())
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("POST /burn", func(w http.ResponseWriter, r *http.Request) {
		seconds, err := burnSeconds(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if !b.start(ctx, seconds) {
			fmt.Fprintf(w, "%s burns already, pid %d\n", o.Name, os.Getpid())
			return
		}
		fmt.Fprintf(w, "%s burns one core, pid %d\n", o.Name, os.Getpid())
	})
	mux.HandleFunc("POST /crash", func(w http.ResponseWriter, _ *http.Request) {
		says := fmt.Sprintf("%s crashes, pid %d\n", o.Name, os.Getpid())
		w.Header().Set("Content-Length", strconv.Itoa(len(says)))
		fmt.Fprint(w, says)
		_ = http.NewResponseController(w).Flush() // the answer should not die with the process
		o.Exit(2)
	})
	return mux
}

// burnSeconds reads ?seconds=; 0 means until the process ends.
func burnSeconds(r *http.Request) (int, error) {
	s := r.URL.Query().Get("seconds")
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > longestBurn {
		return 0, fmt.Errorf("seconds: want 1 to %d", longestBurn)
	}
	return n, nil
}

// burner spins one core, at most one at a time.
type burner struct {
	mu      sync.Mutex
	burning bool // guarded by mu
	work    sync.WaitGroup
}

// start reports whether it lit the fire; false if it burns already.
func (b *burner) start(ctx context.Context, seconds int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.burning || ctx.Err() != nil {
		return false
	}
	b.burning = true
	cancel := context.CancelFunc(func() {})
	if seconds > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	}
	b.work.Go(func() {
		defer cancel()
		burn(ctx)
		b.mu.Lock()
		b.burning = false
		b.mu.Unlock()
	})
	return true
}

func (b *burner) wait() { b.work.Wait() }

// burn uses a core for as long as ctx lives.
func burn(ctx context.Context) {
	x := uint64(1)
	for ctx.Err() == nil {
		for range 1 << 20 {
			x = x*6364136223846793005 + 1442695040888963407
		}
	}
	_ = x
}
