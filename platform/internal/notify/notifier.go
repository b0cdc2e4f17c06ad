package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability/egress"
	"github.com/techmedaddy/vigil/platform/internal/capability/secret"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Outbox is where messages wait, on disk. Of one trouble it shows only the
// oldest that waits, and it records what is given up.
type Outbox interface {
	DueNotifications(ctx context.Context, channel string, now time.Time, limit int) ([]vigil.Notification, error)
	SettleNotifications(ctx context.Context, ns []vigil.Notification) error
	WaitingChannels(ctx context.Context) ([]string, error)
	AppendAudit(ctx context.Context, rec vigil.AuditRecord) error
}

// The times of a delivery.
const (
	pollEvery  = time.Second // bounds how late a message is seen whose wake was lost
	backoffMin = time.Second
	backoffMax = 5 * time.Minute
	oldest     = 24 * time.Hour // then a message is given up
	mostGroup  = 20             // messages that are joined into one
)

// Options are what a notifier needs.
type Options struct {
	Channels map[string]Config
	Routes   []Route // none: every channel is told what needs a person
	Outbox   Outbox
	Now      func() time.Time
	Log      *slog.Logger
}

// Notifier delivers what waits in the outbox.
type Notifier struct {
	o        Options
	log      *slog.Logger
	channels map[string]*channel
	ended    [3]atomic.Int64 // deliveries, by the index of their state in ends
}

// channel is one way to people. Its fields below wake belong to its goroutine.
type channel struct {
	name string
	c    Config
	send func(ctx context.Context, ns []vigil.Notification) (answer string, secrets []string, err error)
	wake chan struct{} // a lost wake costs a second
	many bool          // people read it: what waits together is joined
	past []time.Time   // of deliveries within the rate's time
}

// New opens the channels. Nothing is dialled yet.
func New(o Options) (*Notifier, error) {
	n := &Notifier{o: o, log: o.Log.With("component", "notify"), channels: map[string]*channel{}}
	for name, c := range o.Channels {
		if err := c.Check(name); err != nil {
			return nil, fmt.Errorf("open channel %s: %w", name, err)
		}
		ch, err := newChannel(name, c, o.Now)
		if err != nil {
			return nil, fmt.Errorf("open channel %s: %w", name, err)
		}
		n.channels[name] = ch
	}
	if len(n.o.Routes) == 0 && len(n.channels) > 0 {
		n.o.Routes = []Route{{When: []string{needsPerson}, To: slices.Sorted(maps.Keys(n.channels))}}
	}
	for _, r := range o.Routes {
		if err := r.Check(o.Channels); err != nil {
			return nil, fmt.Errorf("open routes: %w", err)
		}
	}
	return n, nil
}

func newChannel(name string, c Config, now func() time.Time) (*channel, error) {
	if c.Timeout == 0 {
		c.Timeout = vigil.Duration(10 * time.Second)
	}
	if c.Rate == (vigil.Rate{}) {
		c.Rate = vigil.Rate{N: 30, Per: vigil.Duration(time.Minute)}
	}
	roots, err := egress.Roots(c.CAFile)
	if err != nil {
		return nil, err
	}
	ch := &channel{name: name, c: c, wake: make(chan struct{}, 1), many: c.Type == "slack" || c.Type == "smtp" || c.Type == "ntfy"}
	if c.Type == "smtp" {
		ch.send = mailer{c: c, gate: c.gate(name), roots: roots, now: now}.send
		return ch, nil
	}
	web := web{c: c, now: now, http: &http.Client{
		Transport: egress.Transport(c.gate(name), roots), Timeout: c.Timeout.D(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	ch.send = web.send
	return ch, nil
}

// Wake says that something may wait in the outbox. It never blocks.
func (n *Notifier) Wake() {
	for _, ch := range n.channels {
		select {
		case ch.wake <- struct{}{}:
		default:
		}
	}
}

// Run delivers until ctx ends, each channel on a goroutine of its own.
func (n *Notifier) Run(ctx context.Context) error {
	if err := n.abandon(ctx); err != nil {
		n.log.ErrorContext(ctx, "messages to channels that are gone were not given up", "err", err)
	}
	var all sync.WaitGroup
	for _, ch := range n.channels {
		all.Go(func() { n.serve(ctx, ch) })
	}
	all.Wait()
	return nil
}

func (n *Notifier) serve(ctx context.Context, ch *channel) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		more, err := n.Step(ctx, ch.name)
		if err != nil && ctx.Err() == nil {
			n.log.ErrorContext(ctx, "notifications not delivered", "channel", ch.name, "err", err)
		}
		if more && err == nil && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-ch.wake:
		case <-tick.C:
		}
	}
}

// abandon gives up what waits for channels that the configuration lost.
func (n *Notifier) abandon(ctx context.Context) error {
	names, err := n.o.Outbox.WaitingChannels(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		for n.channels[name] == nil {
			ns, err := n.o.Outbox.DueNotifications(ctx, name, n.o.Now().Add(2*oldest), 1000)
			if err != nil || len(ns) == 0 {
				return err
			}
			for i := range ns {
				give(&ns[i], vigil.NotifyDropped, "the channel is not in the configuration any more", n.o.Now())
			}
			if err := n.o.Outbox.SettleNotifications(ctx, ns); err != nil {
				return err
			}
		}
	}
	return nil
}

func give(n *vigil.Notification, s vigil.NotifyState, answer string, now time.Time) {
	n.State, n.DoneAt, n.Answer = s, now, answer
}

// Step delivers what is due in a channel, as one message or as one group, and
// reports whether it is worth asking again at once.
func (n *Notifier) Step(ctx context.Context, name string) (more bool, err error) {
	ch, now := n.channels[name], n.o.Now()
	limit := 1
	if ch.many {
		limit = mostGroup
	}
	ns, err := n.o.Outbox.DueNotifications(ctx, name, now, limit)
	if err != nil || len(ns) == 0 || !ch.may(now) {
		return false, err
	}
	answer, sendErr := ch.deliver(ctx, ns)
	if ctx.Err() != nil {
		return false, nil // the process stops: it stays due
	}
	now = n.o.Now()
	for i := range ns {
		ns[i].Tries++
		outcome(&ns[i], answer, sendErr, now)
		if at := slices.Index(ends(), ns[i].State); at >= 0 {
			n.ended[at].Add(1)
		}
	}
	return true, n.o.Outbox.SettleNotifications(ctx, ns)
}

// ends are the final states of a delivery.
func ends() []vigil.NotifyState {
	return []vigil.NotifyState{vigil.NotifySent, vigil.NotifyRefused, vigil.NotifyDropped}
}

// Ended counts the deliveries of this process, by how they ended.
func (n *Notifier) Ended() map[string]float64 {
	out := map[string]float64{}
	for i, s := range ends() {
		out[string(s)] = float64(n.ended[i].Load())
	}
	return out
}

// Channels are the ways to people, in the order of their names.
func (n *Notifier) Channels() []vigil.Channel {
	out := make([]vigil.Channel, 0, len(n.channels))
	for _, name := range slices.Sorted(maps.Keys(n.channels)) {
		ch := vigil.Channel{Name: name, Type: n.channels[name].c.Type}
		for _, r := range n.o.Routes {
			if slices.Contains(r.To, name) {
				ch.Routes = append(ch.Routes, r.String())
			}
		}
		out = append(out, ch)
	}
	return out
}

// outcome says what becomes of a message after a try.
func outcome(n *vigil.Notification, answer string, err error, now time.Time) {
	var f *failure
	switch {
	case err == nil:
		give(n, vigil.NotifySent, answer, now)
	case errors.As(err, &f) && f.final:
		give(n, vigil.NotifyRefused, answer, now)
	case now.Sub(n.At) > oldest:
		give(n, vigil.NotifyDropped, "not within 24h: "+answer, now)
	default:
		wait := min(backoffMin<<min(n.Tries-1, 16), backoffMax)
		if f != nil {
			wait = max(wait, f.after)
		}
		n.Answer, n.DueAt = answer, now.Add(wait)
	}
}

// may takes one delivery out of the channel's rate.
func (ch *channel) may(now time.Time) bool {
	for len(ch.past) > 0 && now.Sub(ch.past[0]) >= ch.c.Rate.Per.D() {
		ch.past = ch.past[1:]
	}
	if int64(len(ch.past)) >= int64(ch.c.Rate.N) {
		return false
	}
	ch.past = append(ch.past, now)
	return true
}

// deliver sends and says what came back, in a bounded line without secrets.
func (ch *channel) deliver(ctx context.Context, ns []vigil.Notification) (answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, ch.c.Timeout.D())
	defer cancel()
	answer, secrets, err := ch.send(ctx, ns)
	if err != nil {
		answer = err.Error()
	}
	return line(string(secret.Redact([]byte(answer), secrets)), 300), err
}
