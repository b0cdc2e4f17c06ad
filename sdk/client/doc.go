// Package client speaks to a Vigil collector over HTTP. The agent, the CLI and
// remote remediators use it, and so may anybody else.
//
// It promises that every refusal comes back as a *vigil.Error with the
// collector's code, message, hint and fields, and with a kind that decides
// whether another try makes sense (Retryable); that no answer is read without
// a bound; and that redirects are not followed. A Client is safe for
// concurrent use and holds no state but its connections.
//
// Retrying, spooling and backing off are left to the caller: only it knows
// what a lost request costs.
package client
