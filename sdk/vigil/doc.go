// Package vigil is the dictionary: every word that two parts of Vigil share,
// defined once, with a sentence.
//
// It promises its readers (module authors, API users, agents and every package
// of the platform) that a word means the same thing everywhere: a Sample is
// what an agent measured, a Policy says which samples are bad, a Decision is
// what one evaluation said, an Episode is the time a policy finds a target
// bad, a Remediation is the intent to treat one episode, and a BlockReason is
// why Vigil held back. The state machine of a remediation is one table, in
// state.go.
//
// It imports the standard library only and holds no behaviour beyond parsing,
// printing and checking its own words. How words become deeds is left to the
// packages of platform/internal; how they become bytes for a guest, to abi.
package vigil
