// Package conformance is what a guest in any language is held against: the
// threshold policy and the restart-service action, written in that language,
// must do what those in Go do.
//
// It promises these checks of a policy, each an error that lists what is wrong.
//
//   - Vectors plays test vectors, each under the three splits of policytest.
//   - Protocol sends malformed and unexpected messages, which must be refused
//     with the right number and must leave the guest as it was.
//   - Agree plays random samples and settings on two guests, which must give
//     the same decisions to the last bit and the same words.
//   - AgreeOnSettings gives both random documents as settings, which they must
//     take, or refuse for the same reason.
//
// And these of an action, which makes one host call:
//
//   - ActionVectors plays the vectors of actiontest.
//   - ActionProtocol sends odd inputs, and answers the call in every way.
//   - AgreeOnAnswers gives two guests random replies, after which both must end
//     alike.
//
// A guest is given as policytest.Guest or ActionGuest: natively, or in a sandbox
// by whoever has one. Vectors are enough for a host that speaks in its own terms instead
// of bytes; Protocol needs the bytes.
package conformance
