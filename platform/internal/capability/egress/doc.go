// Package egress makes the HTTP requests that action modules may ask for: to
// endpoints that the operator named, and to nothing else.
//
// It promises the operator that a guest chooses only what the endpoint leaves
// open: one of its methods, a path below its prefix, the query, a few headers
// and the body. Scheme, host, port and credential are the configuration's, and
// the credential is put in here, on the host. A redirect is an answer and is
// not followed, no proxy of the environment is asked, no cookie is kept, and no
// connection serves two requests.
//
// It promises the network around the host that the address is judged when it
// is dialled, after the name was resolved, so that no spelling of an address
// and no name that means another one later gets by: loopback and private
// networks only where the endpoint says allow_private, link-local addresses and
// the metadata services of clouds never. That is OWASP ASVS 5.0, 1.3.6 and
// 15.3.2.
//
// It promises the module a reply of any status, of at most 1 MiB, or a coded
// error before the endpoint's timeout is over.
//
// Whether a module may use an endpoint, how often, and whether its lease still
// holds is left to the broker: may is asked right before the request is sent.
package egress
