package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/growl-dev/deploy/sandbox/internal/awsapi"
	"github.com/growl-dev/deploy/sandbox/internal/standin"
)

// Fault is a fault that can be set.
type Fault struct {
	// Name is the name that [Environment.Fault] accepts.
	Name string
	// Effect is a sentence for people.
	Effect string
}

// fault is a row of the table of faults.
type fault struct {
	Fault
	inject injector
	// needs is the part of an environment that the fault changes.
	needs need
}

// need is the part of an environment that a fault changes. Each need includes those before it.
type need int

const (
	// needsFarEnds stands for AWS and the registry, which every environment has.
	needsFarEnds need = iota
	// needsInstances stands for the sandbox's own instances, not those that it is [Around].
	needsInstances
	// needsProcesses stands for the containers' processes, which hollow instances do not have.
	needsProcesses
	// needsEnvFile stands for a file with variables that a process can print.
	needsEnvFile
)

// faults returns the table of faults. Those of one instance change the second one, so that they occur in the middle of a
// run, or the only one.
func faults() []fault {
	return []fault{
		{Fault{"aws-throttle", "AWS answers a quarter of all calls with Throttling."}, inAWS(func(f *awsapi.Faults) { f.Throttle = failShare }), needsFarEnds},
		{Fault{"aws-errors", "AWS answers a quarter of all calls with an internal error."}, inAWS(func(f *awsapi.Faults) { f.Errors = failShare }), needsFarEnds},
		{Fault{"ssh-refused", "The second instance accepts no SSH connection."}, inVictim(func(m *machine) { m.RefuseSSH() }), needsInstances},
		{Fault{"ssh-cut", "The second instance's SSH connections are cut when its old container has stopped."}, cutSSH, needsInstances},
		{Fault{"pull-fails", "The registry breaks every download off halfway."}, failPulls, needsFarEnds},
		{Fault{"disk-full", "The second instance's disk is full."}, inVictim(func(m *machine) { m.Engine().SetDiskFull(true) }), needsInstances},
		{Fault{"bad-image", "Release v2's program exits at start."}, inRelease(standin.Exit), needsProcesses},
		{Fault{"leaky-image", "Release v2's program prints SECRET, LOGIN, LIST and QUOTED in many forms and exits; set them in the instances' env file first."}, inRelease(standin.Leak), needsEnvFile},
		{Fault{"never-healthy", "Release v2 answers 500 to every health check."}, inRelease(standin.Unhealthy), needsProcesses},
		{Fault{"lb-unhealthy", "Release v2 is well, but the load balancer's checks of it fail."}, blockChecks, needsInstances},
		{Fault{"slow-start", "Release v2 needs a third of the time it is given until it listens."}, inRelease(standin.Slow), needsProcesses},
		{Fault{"engine-gone", "The second instance's Docker Engine is gone; its containers run on."}, inVictim(func(m *machine) { m.Engine().SetGone(true) }), needsInstances},
	}
}

// Faults returns all faults.
func Faults() []Fault {
	var all []Fault
	for _, row := range faults() {
		all = append(all, row.Fault)
	}
	return all
}

// Fault makes something go wrong from now on. It returns an error if the name is unknown, which lists the known ones, if
// the environment lacks what the fault changes, and after Close.
func (e *Environment) Fault(name string) error {
	if err := CheckFault(name); err != nil {
		return err
	}
	if e.ctx.Err() != nil {
		return fmt.Errorf("inject fault %s: %w", name, errClosed)
	}
	all := faults()
	i := slices.IndexFunc(all, func(row fault) bool { return row.Name == name })
	if err := e.refuse(all[i].needs); err != nil {
		return fmt.Errorf("inject fault %s: %w", name, err)
	}
	if err := all[i].inject(e.ctx, e); err != nil {
		return fmt.Errorf("inject fault %s: %w", name, err)
	}
	e.opts.Logf("fault %s: %s", name, all[i].Effect)
	return nil
}

// refuse returns an error if the environment lacks the part that a fault changes.
func (e *Environment) refuse(n need) error {
	switch {
	case n >= needsInstances && len(e.machines) == 0:
		return errors.New("it strikes the sandbox's own instances and releases, and there are none")
	case n >= needsProcesses && e.opts.Hollow:
		return errors.New("it is a fault of a release's process, and hollow instances run none: start the sandbox without hollow")
	case n >= needsEnvFile && e.opts.Service.EnvFile == "":
		return fmt.Errorf("it prints variables of the env file, and %s has none: set the service's env file", e.opts.Service.Name)
	}
	return nil
}

// CheckFault returns an error that lists the known names if the name is unknown. It is for callers that have no
// environment yet.
func CheckFault(name string) error {
	var names []string
	for _, f := range Faults() {
		if f.Name == name {
			return nil
		}
		names = append(names, f.Name)
	}
	return fmt.Errorf("unknown fault %q: want one of %s", name, strings.Join(names, ", "))
}

// victim returns the instance that the faults of one instance change.
func (e *Environment) victim() *machine { return e.machines[min(1, len(e.machines)-1)] }
