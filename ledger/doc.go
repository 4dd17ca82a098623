// Package ledger keeps, for each environment of a service, who may deploy (a lease), what the
// run in flight has done so far (its journal) and how past runs ended (history), and
// which service and environment a target group belongs to (claims).
//
// It needs one object store with conditional writes and a clock of its own: [S3]. Lease and journal are one
// object, SERVICE/ENV/current, so that one conditional write fences both: a run
// that lost its lease cannot write its next intent, and without the intent it
// does not act. Finished runs are SERVICE/ENV/history/RUN, written once.
//
// # Time
//
// A lease ends a fixed time after its object was last written, both read from
// the store's clock: the object's modification time and the time of the answer.
// Every write, so every intent, renews it. No local clock ever keeps a lease
// alive; it may only end one, because a clock that stands still during a
// laptop's sleep shows too little time, never too much.
//
// # Answers that get lost
//
// A write may be applied although its answer was an error, at once or after the
// caller gave up. Each carries an ID of its own; a refused write is read back
// before it is believed, and a late one fails its condition.
//
// # How a run ends
//
// Finish moves the run out of the lease together with its result in one fenced
// write; filing it into the history follows and is made up for by the next
// command if the process dies in between. A run that ended in any other way
// stays in the object, unfinished, until a later run has healed what it left.
//
// Nothing secret is written: no line of a container's log, and of errors only the first
// line, shortened.
//
// # Claims
//
// Two runs of different keys do not see each other's leases. So that they cannot move the same targets at once, a run
// claims its target groups with [Ledger.Claim]: claims/REGION.ACCOUNT.NAME.ID is created once for each, and refuses every
// other key until a person deletes it. Two ledgers, with another bucket or prefix, cannot see each other's claims.
//
// # The move from a key of before
//
// Programs once used the environment alone as the key. [Options.Before] names that key, and the first Acquire replaces
// its document with a marker that those programs refuse. They read and write version 1 of it, and the marker is of
// version 2.
package ledger
