package notify

import (
	"context"
	"fmt"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Test sends a test message past the outbox, and records who did.
func (n *Notifier) Test(ctx context.Context, name, by string) (vigil.ChannelAnswer, error) {
	ch, ok := n.channels[name]
	if !ok {
		return vigil.ChannelAnswer{}, vigil.Errorf(vigil.NotFound, "channel_not_found", "the configuration has no channel %.60q", name).
			Hinted("see vigil notify channels")
	}
	start := n.o.Now()
	msg := vigil.Notification{
		ID: vigil.NewID("ntf"), Channel: name, Verb: vigil.NotifyTest, When: vigil.WhenTest, Key: "vigil-test|" + name,
		Summary: "A test of the channel " + name, Detail: by + " sent it; there is nothing to do.", At: start,
	}
	answer, err := ch.deliver(ctx, []vigil.Notification{msg})
	out := vigil.ChannelAnswer{Channel: name, OK: err == nil, Answer: answer, Took: vigil.Duration(n.o.Now().Sub(start))}
	return out, n.o.Outbox.AppendAudit(ctx, vigil.AuditRecord{
		By: by, Verb: "notification.test", Object: msg.ID, To: name, Message: fmt.Sprintf("%s tried %s: %s", by, name, answer),
	})
}
