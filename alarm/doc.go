// Package alarm reads CloudWatch alarms, which decide whether a rollout may begin or go on. [Alarms] implements
// rollout.Gate.
package alarm
