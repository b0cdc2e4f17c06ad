package brake

import (
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Bounds of what a person may say.
const (
	maxReason   = 1024 // bytes
	maxHolder   = 128  // bytes
	maxDuration = 7 * 24 * time.Hour
)

func invalid(field, format string, args ...any) *vigil.Error {
	return vigil.Errorf(vigil.Invalid, "maintenance_invalid", format, args...).With("field", field)
}

// CheckPause reports the first thing that makes a pause inadmissible.
func CheckPause(p vigil.Pause, now time.Time) error {
	switch {
	case !printable(p.Holder) || len(p.Holder) > maxHolder:
		return vigil.Errorf(vigil.Invalid, "holder_invalid", "a holder is 1 to %d printable characters without spaces", maxHolder).
			With("field", "holder")
	case strings.TrimSpace(p.Reason) == "":
		return vigil.Errorf(vigil.Invalid, "reason_missing", "a pause says why").With("field", "reason").
			Hinted("vigil pause --reason 'moving the database'")
	case p.Over(now):
		return vigil.Errorf(vigil.Invalid, "expiry_past", "the pause would have ended already").With("field", "until").
			Hinted("leave the expiry out for a pause without one")
	}
	if err := checkReason(p.Reason); err != nil {
		return err
	}
	return p.Scope.Check()
}

func checkReason(reason string) error {
	if len(reason) > maxReason {
		return vigil.Errorf(vigil.Invalid, "reason_too_long", "a reason has at most %d bytes", maxReason).With("field", "reason")
	}
	return nil
}

// checkWindow reads a window, or says what makes it inadmissible.
func checkWindow(w vigil.Window, now time.Time) (window, error) {
	read, err := understand(w)
	if err != nil {
		return read, err
	}
	if err := w.Scope.Check(); err != nil {
		return read, err
	}
	if err := checkReason(w.Reason); err != nil {
		return read, err
	}
	switch once := w.Cron == ""; {
	case !w.Named():
		return read, invalid("name", "a name is lower-case letters, digits and dashes, at most 63").Hinted("for example weekly-backup")
	case once && w.Duration != 0:
		return read, invalid("duration", "a window for once ends at a time; a duration belongs to a schedule")
	case once && !w.Until.After(w.From):
		return read, invalid("until", "the window would end before it begins")
	case once && Past(w, now):
		return read, invalid("until", "the window is over already")
	case !once && (!w.From.IsZero() || !w.Until.IsZero()):
		return read, invalid("from", "a window has a schedule or one time, not both")
	case !once && (w.Duration.D() < time.Minute || w.Duration.D() > maxDuration):
		return read, invalid("duration", "a duration is 1m to %s", vigil.Duration(maxDuration)).Hinted("for example --duration 2h")
	case !once && read.next(now).IsZero():
		return read, invalid("cron", "the schedule %.60q never comes", w.Cron).Hinted("'0 2 * * SUN' is Sundays at 02:00")
	}
	return read, nil
}

// printable reports whether s is one word that a terminal and a path can carry.
func printable(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == '\\' })
}
