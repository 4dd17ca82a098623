// Package ledger stores, for each environment of a service, who may deploy (a lease), what the run that deploys has done so
// far (its journal), and how past runs ended (the history). It also stores which service and environment a target group
// belongs to (claims).
//
// It needs one object store with conditional writes and a clock of its own: [S3]. Lease and journal are one object,
// SERVICE/ENV/current, so that one conditional write fences both: a run that lost its lease cannot write its next intent,
// and without the intent it does not act. The record of a finished run is SERVICE/ENV/history/RUN, and is written once.
//
// # Time
//
// A lease ends a fixed time after its object was last written. Both times are read from the store: the object's
// modification time, and the time of the response. Every write renews the lease, so every intent does. No local clock ever
// extends a lease. It may only end one, because a clock that stands still while a laptop sleeps shows too little time and
// never too much.
//
// Each intent names the duration within which its act must have been sent. [Lease.Unfinished] returns the time from which
// on no act of the runs before can be sent any more. It is counted from the last write of the object by the store's clock,
// so that the clocks of two machines are never compared.
//
// # Responses that get lost
//
// A write may be applied although its response was an error, at once or after the caller gave up. Therefore each write has
// an ID, the object is read back after a refused write, and a write that is applied late fails its condition.
//
// # How a run ends
//
// Finish removes the run from the lease and adds its result, in one fenced write. Its record is written into the history
// afterwards, by the next command if the process is killed before that. A run that ended in any other way stays in the
// object, unfinished, until a later run has healed what it left.
//
// Nothing secret is written: no line of a container's log, and of an error only the first line, shortened.
//
// # Claims
//
// Two runs with different keys do not see each other's leases. So that they cannot change the same targets at once, a run
// claims its target groups with [Ledger.Claim]. claims/REGION.ACCOUNT.NAME.ID is created once for each of them, and refuses
// every other key until a person deletes it. Two ledgers, with different buckets or prefixes, cannot see each other's
// claims.
//
// # The move from an earlier key
//
// Programs once used the environment alone as the key. [Options.Before] is that key, and the first Acquire replaces its
// document by a marker that those programs refuse, because they know version 1 only and the marker is of version 2.
package ledger
