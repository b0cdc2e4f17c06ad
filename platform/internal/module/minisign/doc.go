// Package minisign signs and verifies files in the format of the tool minisign:
// Ed25519 over the file's BLAKE2b-512, with a trusted comment that is signed
// along.
//
// It promises that what it signs the tool verifies and the other way round, and
// that no text from elsewhere makes it hold more than a few kilobytes. It reads
// keys that have no password; whoever wants one keeps the key with the tool and
// signs there. Signatures of the tool's oldest kind, which hash nothing first,
// are refused. Which keys are trusted, and with what, is left to module.
package minisign
