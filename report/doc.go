// Package report shows people a run: as lines for a log, a live view for a terminal, the final receipt, and the same as
// JSON.
//
// A [Reporter] observes [rollout.Event]s and receives the finished [Document]. [New] chooses the one that fits the
// output. Text that comes from elsewhere, such as the last log lines of a container that died, is stripped of
// everything that could control a terminal before it is shown or written.
package report
