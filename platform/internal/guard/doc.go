// Package guard answers one question: may this act, now, here?
//
// It holds one ordered list of rules. Each rule is a pure function of a
// Request and a time; the first that holds wins, and its Hold says why in
// words that carry the numbers ("cooldown of 5m ends in 2m10s"). The same list
// serves every moment at which a remediation can be held back: when a firing
// episode or a person asks for one, when a remediator is about to get it, and
// when its intent is about to be written. A rule names the moments it is asked
// at, so that the order can never differ between them.
//
// What counts more than one target (caps, storms, rates) comes with the Request as
// plain numbers: a census of the target's group, token buckets, failures.
//
// It promises the healer that the same request at the same time has the same
// answer, and its readers that a rule is in one place. It keeps no state, reads
// no clock and changes nothing; what a hold means for a remediation (wait, skip,
// tell a person) is left to package remedy.
package guard
