// Package program opens a program that Vigil is about to run and vouches for
// it.
//
// It promises whoever starts a process that the open file is a regular,
// executable one that not everybody may write, that gives no more rights than
// Vigil has (setuid, setgid), and that everybody may not have put there: no
// directory on the way to it is writable by all. What was checked stays what is
// run, since it is run through the open file (Path): a link or a file that is
// swapped in between has no say.
//
// Whether the program is one that should be run at all is left to the caller,
// for whom it says what is known: its digest, whether a script, and whether an
// interpreter of something that an argument could hold.
package program
