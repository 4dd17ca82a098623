// Package rollout rolls one release across a fleet of instances behind a load
// balancer, batch by batch, and never loses an instance on the way.
//
// An instance goes through the phases prepare, drain, swap, join and settle.
// They are rows of one table (steps.go): each row has an act and its
// compensation, and the plan, the journal, the progress display and recovery
// all walk that table. The engine declares the ports that it calls: [Balancer],
// [Host], [Journal] and [Gate].
//
// Three types do the work, one for each command: run, recovery (see [Heal]) and
// replacement (see [Replace]). Each of them has a fleet, which does what they have in
// common: it surveys the load balancer and the instances, waits for capacity and
// verifies the end. A fleet has an instanceUpdate for every instance, whose state
// says how far the instance has come (update_state.go). Calls between files run
// downward, from the commands over the fleet and the updates to the ports.
//
// The package imports the standard library only. Its tests run in testing/synctest
// bubbles, because a timeout of 300 s costs nothing there.
package rollout
