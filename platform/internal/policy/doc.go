// Package policy decides which targets are bad: it binds policies to series,
// feeds batches to their guests, and keeps episodes.
//
// A batch that ingest has made durable is offered once; the shard of each
// series (by host label, so that all series of one host meet) judges it at once
// when idle and together with others under load: one guest call per policy and
// turn. What the guest says of a series is a verdict that stands until the next
// one. The verdicts of all series that render to the same target join: one that
// fires makes the target fire. Joined verdicts move the target's episode
// (pending, firing, resolved), for which the host alone keeps `for` and
// `recover_for`. Time passes too: while an episode is open or was until
// recently, its target is looked at again at least twice a second.
//
// A policy that names a query has its results judged in place of samples. The query
// is asked at whole multiples of its interval, of at most two policies at once,
// and one that is late is left out and counted. Results go the way of batches, to
// their policy alone, dated by the newest sample they rest on; what rests on none
// may fire and is never ok, and a failed query is an error.
//
// A guest may ask the host while it judges; what it asked and was answered is
// kept with the decisions that may lead to an action, beside the samples it saw,
// so that they can be judged again as they were.
//
// Each target of a policy counts in the group of its label's value. The census
// follows each verdict and each silence, goes to the healer with what it is told,
// and outlives a restart: who has not been heard of since is known and not well.
//
// It promises the healer the level, not the edge: Fired is told on every look
// while an episode fires, Judged on every look while or shortly after it is
// open, Cleared when it ends; and each only after the episode is on disk. It
// promises operators that missing data never fires a value policy: samples that
// are absent, older than the lookback or not finite are no_data, a guest that
// fails is an error, and neither is ever an action. It promises determinism:
// a sample is judged once, in time order, and late or repeated ones are left
// to history.
//
// Whether to act, and on what grounds not to, is left to guard and remedy; what
// a guest is made of, to wasm; what a selector means, to promql.
package policy
