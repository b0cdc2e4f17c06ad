package audit

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/durable"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// behind is how long the tip's file may lag the log: a record cut off sooner is
// not missed. Writing it at once would cost each change of state another sync.
const behind = time.Second

// Tip keeps the newest link of one log in a file beside its key. The file is
// never ahead of the log, since what is noted is on disk already.
type Tip struct {
	path     string
	database string // whose log it is, for people
	now      func() time.Time
	log      *slog.Logger
	wake     chan struct{}

	writing sync.Mutex // makes taking and writing the tip one step

	mu    sync.Mutex // guards what follows
	newer *vigil.AuditTip
}

// TipFile is where the tip of a tenant's log lies: beside the key.
func TipFile(key, tenant string) string { return key + "." + tenant + ".tip" }

// NewTip returns the tip that is kept at path for the log in a database.
func NewTip(path, database string, now func() time.Time, log *slog.Logger) *Tip {
	if abs, err := filepath.Abs(database); err == nil {
		database = abs
	}
	return &Tip{path: path, database: database, now: now, log: log, wake: make(chan struct{}, 1)}
}

// tipBody is the file.
type tipBody struct {
	vigil.AuditTip
	Database string `json:"database"`
}

// ReadTip reads the file of a tip; nil if there is none.
func ReadTip(path string) (*vigil.AuditTip, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // none is no error
	}
	var b tipBody
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		e := vigil.Errorf(vigil.Unavailable, "audit_tip_unreadable", "the audit log's tip %s cannot be read", path).
			Hinted("look at vigil audit ls, and move the file away if the newest records are the ones you expect")
		e.Err = err
		return nil, e
	}
	return &b.AuditTip, nil
}

// Note takes the newest record of the log, which is on disk. It does not block.
func (t *Tip) Note(seq int64, link []byte) {
	t.mu.Lock()
	t.newer = &vigil.AuditTip{Seq: seq, Chain: hex.EncodeToString(link), At: t.now().UTC()}
	t.mu.Unlock()
	t.hint()
}

// Run writes the tip within a second after it was noted, until ctx ends. The log
// is whole without it, so what cannot be written is told and tried again.
func (t *Tip) Run(ctx context.Context) error {
	for pause := behind; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-t.wake:
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
		}
		if err := t.Save(); err != nil {
			t.log.ErrorContext(ctx, "the audit log's tip is not written", "err", err)
			pause = min(2*pause, time.Minute)
			t.hint()
			continue
		}
		pause = behind
	}
}

func (t *Tip) hint() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Save writes what was noted, if anything was.
func (t *Tip) Save() error {
	t.writing.Lock()
	defer t.writing.Unlock()
	t.mu.Lock()
	tip := t.newer
	t.newer = nil
	t.mu.Unlock()
	if tip == nil {
		return nil
	}
	text, err := json.Marshal(tipBody{*tip, t.database})
	if err == nil {
		err = durable.Replace(t.path, append(text, '\n'))
	}
	if err == nil {
		return nil
	}
	t.mu.Lock()
	if t.newer == nil {
		t.newer = tip
	}
	t.mu.Unlock()
	e := vigil.Errorf(vigil.Unavailable, "audit_tip_unwritable", "the audit log's tip %s cannot be written", t.path).
		Hinted("make room and let Vigil write there; the log itself is whole")
	e.Err = err
	return e
}
