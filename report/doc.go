// Package report is what people see of a run: lines for a log, a live view for a
// terminal, the final receipt, and the same as JSON.
//
// A [Reporter] watches [rollout.Event]s and is given the finished [Document].
// [New] chooses the one that fits where the output goes. Text that comes from
// elsewhere, such as the last log lines of a container that died, is stripped
// of everything that could drive a terminal before it is shown or written.
package report
