// Package notify tells people what the healer does and where it needs them:
// through signed webhooks, Slack, PagerDuty, SMTP and ntfy.
//
// What is told is computed by pure functions from the change that caused it, and
// written in that change's own transaction. The Notifier delivers it from there,
// at least once: after a crash a message may come twice, with the same id and
// key, and never not at all. A message that cannot be delivered within a day, or
// above a thousand that wait for one channel, is given up, and that is audited.
//
// It promises people that of one trouble no message overtakes an earlier one,
// that every end reaches whoever was told of the beginning, and that a flood
// becomes few messages where a person reads them. It promises the operator that
// addresses are judged as those of endpoints are, that no redirect is followed,
// that answers are bounded, and that no name of a target or a policy can forge a
// header, a mention or a second message.
//
// Where messages wait is left to the Outbox; what happened, to package remedy.
package notify
