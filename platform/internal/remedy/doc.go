// Package remedy treats episodes. It alone may change a remediation's state.
//
// At its centre is a pure function, Step: a State and an Event in, the next
// State and its Effects out. Step reads no clock, draws no random bits and
// calls nobody, so that every history can be simulated and replayed. Around it
// stands the Healer: a mutex, a Ledger and the long polls of the remediators.
// It makes the effects durable in one transaction before it lets the new state
// be seen, and delivers leases and spans only after that. When the ledger
// refuses, the state stays as it was.
//
// It promises that a target has at most one open remediation; that nothing is
// started without a durable intent, under an engaged kill switch, where a person
// paused or maintains something, on a sample older than the last deed or under a
// policy that has changed since; that every started attempt ends, if need be as
// unknown; that fence tokens only grow; that a remediation ends as healed only
// when fresh samples say so; that no more of a group is in treatment than its
// policy allows, and nothing starts there in a storm; and that an episode which a
// person does not want treated is left alone. What guards count (attempts,
// failures, breakers) is part of the change that is counted, so that it survives
// kill -9; what is held or only shadowed moves none. Healing is
// triggered by the level: what is held is looked at again whenever the reason
// may have ended, and old events are never replayed.
//
// Why an action is held is decided by package guard. Which series is bad is
// left to package policy, running the action to package remediator, bytes on
// disk to the ledger.
package remedy
