// Package nlb speaks to the target groups of an AWS Network Load Balancer: it
// takes instances out, puts them back, and reads health and timing. [Groups]
// implements rollout.Balancer.
//
// A method makes one call a target group (two or three for Timing) and returns, and
// what registers or deregisters at the same time shares calls; waiting, pacing and
// sharing an answer among those who wait is the engine's part. The SDK's own waiters
// are not used: they poll every 15 to 120 s, take any "unused" as deregistered, and
// end at the first connection error.
package nlb
