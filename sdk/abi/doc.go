// Package abi is the one codec for the bytes that cross the sandbox: ABI v1.
//
// It promises both sides of the wall, the host and a guest written in Go, the
// same layout: little endian, 8-aligned, columns instead of records, so that a
// batch goes in with one copy per column and is read in place. The layout is
// pinned by the golden files in testdata, which guests in other languages test
// themselves against.
//
//	host  AppendBatch, AppendDictionary -> guest  ReadBatch, ReadDictionary
//	guest AppendDecisions               -> host   ReadDecisions
//
// Every Read treats each integer as hostile: counts are checked against the
// bytes that are there before anything is allocated, and an offset never leads
// outside the slice that was given.
//
// How the verdicts of a guest become decisions is left to the platform; what a
// module's author writes, to packages policy and action. So that a small guest
// stays small, this package keeps fmt, reflect and encoding out.
package abi
