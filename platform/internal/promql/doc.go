// Package promql reads PromQL on Vigil's behalf. It alone imports the
// Prometheus parser.
//
// It promises policies that a vector selector, such as
// cpu_usage{host=~"web-.*"}, becomes a test that a series passes or fails, with
// exactly the matching rules of Prometheus. Whatever is more than a selector
// (a range, an offset, a function, an operator) and whatever would select
// everything by being empty is refused with code selector_invalid and the
// position of the trouble, so that a slip of the pen never widens what a policy
// acts on.
//
// To a policy that names an expression instead it answers what that gives (Ask),
// each result with the age of what it can be said to rest on, and beforehand what
// can be said of it without asking (Form).
//
// Which series exist, and what is done with those that match, is left to
// others.
package promql
