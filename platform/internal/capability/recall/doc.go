// Package recall answers guests that ask for what is known: the capability
// query reads their tenant's metrics, and state is a small durable memory of a
// module's own.
//
// It promises tenants that a guest sees nothing of another one: a Recall is made
// of one tenant's history, ledger and grants and has no way to any other. It
// promises operators that each call is held against what the module's digest is
// granted at that moment, with expiry and budget; a selector must name its
// metric, since grants are for metrics. What was refused to a policy is in the
// audit log, once until it is allowed again, not once per evaluation.
//
// It promises a policy's shard that no call holds it up: a query ends within
// 50 ms, all calls of one evaluation together within 100 ms and 16 calls, and no
// answer is over 1 MiB. Writing state costs no sync: what an evaluation wrote is
// kept in memory, seen by the next one, and durable before any decision that
// followed from it is (Flush), else within a second (Run). A crash may take
// back the last second of what led to nothing, never what an action rests on.
// An action's write is durable before it is answered.
//
// It promises authors that the state calls of one evaluation are one
// transaction: nobody else's stand between them, and a guest that fails leaves
// nothing behind. It promises replays the transcript: what was asked and
// answered, up to 64 KiB an evaluation (Guest.End).
//
// A memory belongs to a tenant, kind and name of a module, so an upgrade finds
// it; whether it may is for its grant to say, which is carried over or not.
// What a grant's pattern means is left to module, what a selector means to
// promql, and where the bytes lie to sqlite.
package recall
