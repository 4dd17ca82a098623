// Package rollout rolls one release across a fleet of instances behind a load
// balancer, batch by batch, and never loses an instance on the way.
//
// An instance goes through the phases prepare, drain, swap, join and settle.
// They are rows of one table (steps.go): each row has an act and its
// compensation, and the plan, the journal, the progress display and recovery
// all walk that table. What the engine needs from the world is declared here as
// ports beside the code that calls them: [Balancer], [Host], [Journal], [Gate].
//
// The package imports the standard library only, and takes time from it: its
// tests run in testing/synctest bubbles, where a 300 s timeout costs nothing.
package rollout
