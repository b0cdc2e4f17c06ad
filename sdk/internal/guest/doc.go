// Package guest is what policy and action modules share on their side of the
// sandbox: strict decoding of settings, the error that the host can fetch, and,
// in the sandbox only, the buffer that the host writes its messages to.
//
// It promises packages policy and action that a mistake in a policy's settings
// is named by its path, and that memory handed to the host stays where it is
// until the next call. What an author writes against is left to them.
package guest
