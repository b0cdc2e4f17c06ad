package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger returns the logger that a process hands to its parts: one line per
// record, as text for people or JSON for machines. Both quote what is not
// printable, so that a hostile name cannot forge a line or move a cursor.
func NewLogger(w io.Writer, level slog.Leveler, asJSON bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if asJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
