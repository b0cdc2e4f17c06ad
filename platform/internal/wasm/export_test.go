package wasm

import "context"

// Settle waits until no spare instance is being made.
func (e *Engine) Settle() { e.refills.Wait() }

// DropSpare takes the spare instance of a module away.
func (e *Engine) DropSpare(digest string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if g := e.guests[digest]; g != nil && g.spare != nil {
		g.spare.close(context.Background())
		g.spare = nil
	}
}
