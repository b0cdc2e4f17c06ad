// Package demo is the little service that Vigil heals when it has nothing else
// to heal: an HTTP server that is well until someone burns or crashes it.
//
// It promises the first five minutes with Vigil that what is healed is real:
// /burn makes this very process spin on one core until it is ended, /crash ends
// it with status 2. It promises the machine it runs on that it never stays
// behind: when its parent is no longer its parent, it ends by itself, which is
// what makes a killed Vigil leave nothing running.
//
// A demo is a whole process: Serve is called by a main and may end it. Starting
// and restarting it is left to capability.
package demo
