// Package nlb registers and deregisters instances in the target groups of an AWS Network Load Balancer, and reads their
// health and timing. [Groups] implements rollout.Balancer.
//
// A method makes one call per target group (two or three for Timing) and returns. Registrations that are requested at
// the same time share calls, because one call per instance would be throttled. Waiting, pacing and sharing the result
// of a read are the engine's part. The SDK's own waiters are not used: they poll every 15 to 120 s, accept any "unused"
// as deregistered, and end at the first connection error.
package nlb
