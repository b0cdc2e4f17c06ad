// Package faultdisk is a disk for tests that fails when told to: a file system
// of SQLite's that asks a test before each write, truncation, sync and removal.
//
// It promises a test that a fault reaches SQLite as the kernel's would, below
// its own file system and above nothing that is faked: files are real, and so
// is every program that opens a database through it. Registered as the default
// it stands below every database of the process, so that a whole Vigil can be
// run on a bad disk without knowing.
//
// It leaves what to break, and when, to the test. No program that is released
// imports it.
package faultdisk
