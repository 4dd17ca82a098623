package sandbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Fault is something that can go wrong.
type Fault struct {
	// Name is what [Environment.Fault] takes.
	Name string
	// Says is what happens, in a sentence for people.
	Says string
}

// fault is a row of the table of faults.
type fault struct {
	Fault
	inject func(*Environment, context.Context) error
	// needs is what the fault strikes.
	needs need
}

// need is what an environment must have for a fault; each need includes those before it.
type need int

const (
	// needsFarEnds is of AWS and the registry, which every environment has.
	needsFarEnds need = iota
	// needsInstances is of the sandbox's own ones, not those that it is [Around].
	needsInstances
	// needsProcesses is of the containers' processes, which hollow instances lack.
	needsProcesses
	// needsEnvFile is of a file with variables that a process can print.
	needsEnvFile
)

// faults is the table. Those of one instance strike the second one, so that a
// run meets them in its middle, or the only one.
func faults() []fault {
	return []fault{
		{Fault{"aws-throttle", "AWS answers a quarter of all calls with Throttling."}, (*Environment).throttle, needsFarEnds},
		{Fault{"aws-errors", "AWS answers a quarter of all calls with an internal error."}, (*Environment).failCalls, needsFarEnds},
		{Fault{"ssh-refused", "The second instance accepts no SSH connection."}, (*Environment).refuseSSH, needsInstances},
		{Fault{"ssh-cut", "The second instance's SSH connections are cut when its old container has stopped."}, (*Environment).cutSSH, needsInstances},
		{Fault{"pull-fails", "The registry breaks every download off halfway."}, (*Environment).failPulls, needsFarEnds},
		{Fault{"disk-full", "The second instance's disk is full."}, (*Environment).fillDisk, needsInstances},
		{Fault{"bad-image", "Release v2's program exits at start."}, (*Environment).badImage, needsProcesses},
		{Fault{"leaky-image", "Release v2's program prints SECRET, LOGIN, LIST and QUOTED in many forms and exits; set them in the instances' env file first."}, (*Environment).leakyImage, needsEnvFile},
		{Fault{"never-healthy", "Release v2 answers 500 to every health check."}, (*Environment).neverHealthy, needsProcesses},
		{Fault{"lb-unhealthy", "Release v2 is well, but the load balancer's checks of it fail."}, (*Environment).blockChecks, needsInstances},
		{Fault{"slow-start", "Release v2 needs a third of the time it is given until it listens."}, (*Environment).slowStart, needsProcesses},
		{Fault{"engine-gone", "The second instance's Docker Engine is gone; its containers run on."}, (*Environment).loseEngine, needsInstances},
	}
}

// Faults are what can go wrong, by name.
func Faults() []Fault {
	var all []Fault
	for _, row := range faults() {
		all = append(all, row.Fault)
	}
	return all
}

// Fault makes something go wrong from now on. An unknown name is an error that
// lists the known ones.
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
	if err := all[i].inject(e, e.ctx); err != nil {
		return fmt.Errorf("inject fault %s: %w", name, err)
	}
	e.opts.Logf("fault %s: %s", name, all[i].Says)
	return nil
}

// refuse says what of a fault's need the environment lacks.
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

// Faults are what [Environment.Fault] can inject.
func (e *Environment) Faults() []Fault { return Faults() }

// CheckFault refuses an unknown name with an error that lists the known ones:
// for those who ask before an environment is up.
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

// victim is the instance that the faults of one instance strike.
func (e *Environment) victim() *machine { return e.machines[min(1, len(e.machines)-1)] }
