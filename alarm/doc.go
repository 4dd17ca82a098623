// Package alarm asks CloudWatch alarms whether a rollout may begin or go on.
// [Alarms] implements rollout.Gate.
package alarm
