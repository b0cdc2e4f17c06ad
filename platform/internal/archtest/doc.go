// Package archtest holds the picture of the layers, as a test.
//
// It promises the reader that the River of the README is the River of the
// code: arrows point down, the core never names a technology, the rim never
// names a stage, siblings meet only in app, and each foreign library lives in
// one package. A package without a row fails the test, so a new one must take
// its place in the picture. It also holds the sizes a file and a function may
// grow to.
package archtest
