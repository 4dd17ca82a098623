// Package deploy ships a Docker image onto the instances of a service behind an AWS Network Load Balancer without a
// failed request. It is the front door of the project: it joins the engine (package rollout) with AWS, SSH, Docker and
// the ledger, so that a program needs no more than this:
//
//	result, err := deploy.Run(ctx, orders, "staging", tag, deploy.Options{Signals: true, Out: os.Stdout})
//	os.Exit(deploy.Exit(os.Stderr, result, err))
//
// A [Service] declares what is deployed and where. [Open] reads an environment and returns its [Operator], which has one
// method for each thing that people do there: [Operator.Deploy], [Operator.Plan], [Operator.Heal], [Operator.Resume],
// [Operator.Rollback], [Operator.Status], [Operator.History], [Operator.Unlock], [Operator.Replace].
//
// # What a run guarantees
//
// A run holds the lease of SERVICE/ENVIRONMENT in the ledger, and claims the target groups for it. First it puts the
// instances that an unfinished run left out back into service. It records each change before it makes it, so that it can
// undo the change if something fails. Every instance that was in service before the run is in service after it, however
// the run ended. After SIGKILL or the loss of the deploying machine, the next method that changes something restores
// that; [Operator.Heal] does only this.
//
// # Errors and exit codes
//
// A method that changes something returns what it did as a [report.Document], also with an error. [ExitCode] maps both
// to the code of a process:
//
//	0  every instance runs the release, or with Options.OnlyForward a newer one
//	1  refused: nothing was changed
//	2  wrong usage: errors.Is(err, ErrUsage)
//	3  halted: every instance runs what it ran before
//	4  the fleet runs two releases, all instances are in service
//	5  an instance is out of service
//	6  broken off by a signal or by the context, all instances are in service or named as not yet healthy
//	7  every instance runs the release, but what follows a rollout failed: errors.Is(err, ErrUnfinished)
package deploy
