package targets

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy"
	"github.com/growl-dev/deploy/internal/console"
	"github.com/growl-dev/deploy/internal/signals"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/sandbox"
)

// Sandbox is a whole environment on this machine, with nothing installed but Go.
type Sandbox mg.Namespace

// Run starts an environment on this machine and rolls a release out under load.
func (Sandbox) Run(ctx context.Context,
	// environment of the service; default the first by name that needs no confirmation
	environment *string,
	// how many instances; default 3
	instances *int,
	// fault to cause, by name; see the README
	fault *string,
	// how many times faster than in AWS the load balancer's time passes; default 20
	factor *float64,
	// file to write the report to: a page if it ends in .html, else JSON
	report *string,
) (err error) {
	defer console.CleanError(&err)
	o, err := sandboxOptions(environment, instances, factor)
	if err != nil {
		return err
	}
	return inSandbox(ctx, o, fault, func(ctx context.Context, env *sandbox.Environment) error {
		if err := adopt(env); err != nil {
			return err
		}
		policy, yes := env.Policy(), true
		return Roll(ctx, *declared, o.Environment, Flags{
			Tag: &env.V2, Fleet: &env.FleetFile, Policy: &policy, Probe: &env.URL, Report: report, Yes: &yes,
		})
	})
}

// Up starts an environment on this machine, for use by hand, and keeps it until Ctrl-C.
func (Sandbox) Up(ctx context.Context,
	// environment of the service; default the first by name that needs no confirmation
	environment *string,
	// how many instances; default 3
	instances *int,
	// fault to cause, by name; see the README
	fault *string,
	// how many times faster than in AWS the load balancer's time passes; default 20
	factor *float64,
	// run no processes: the sandbox itself serves the requests, so that thousands of instances fit
	hollow *bool,
	// file to write the counts of calls to AWS to, as JSON
	report *string,
) (err error) {
	defer console.CleanError(&err)
	if err := reportable(report); err != nil {
		return err
	}
	o, err := sandboxOptions(environment, instances, factor)
	if err != nil {
		return err
	}
	o.Hollow = set(hollow)
	return inSandbox(ctx, o, fault, func(ctx context.Context, env *sandbox.Environment) error {
		file := filepath.Join(filepath.Dir(env.FleetFile), "env.sh") // removed with the environment
		if err := os.WriteFile(file, []byte(exports(env)), 0o600); err != nil {
			return fmt.Errorf("write the environment's variables: %w", err)
		}
		console.Printf(". '%s'\n", file)
		console.Warnf(handbook, o.Environment)
		<-ctx.Done()
		return (callCounts{env.Calls()}).write(value(report, ""))
	})
}

// callCounts is the report of a sandbox.
type callCounts struct {
	// Calls counts the calls to AWS by action, including those that were refused.
	Calls map[string]int `json:"calls"`
}

func (c callCounts) write(path string) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("write the counts of calls: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the counts of calls: %w", err)
	}
	return nil
}

// reportable returns an error if a report could not be written to the path.
func reportable(path *string) error {
	if err := report.CheckFile(value(path, "")); err != nil {
		return console.Usage("%v", err)
	}
	return nil
}

// inSandbox calls do with an environment of its own, which it closes afterwards. While the environment starts, mage
// handles Ctrl-C; after that a signal ends the context of do.
func inSandbox(ctx context.Context, o sandbox.Options, fault *string, do func(context.Context, *sandbox.Environment) error) (err error) {
	if err := checkFault(fault); err != nil {
		return console.Usage("%v", err)
	}
	env, err := sandbox.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = closed(env, err) }()
	if err := inject(env, fault); err != nil {
		return err
	}
	ctx, stop := signals.Until(ctx)
	defer stop()
	return do(ctx, env)
}

// atLeastOne returns an error for a flag with a value below 1.
func atLeastOne[T int | float64](name string, flag *T) error {
	if flag != nil && *flag < 1 {
		return fmt.Errorf("-%s=%v: want at least 1", name, *flag)
	}
	return nil
}

// SandboxOf returns the options of a sandbox of a service's environment: its container, ports, paths, bucket and regions.
func SandboxOf(service deploy.Service, environment string) (sandbox.Options, error) {
	location, err := ledger.ParseLocation(service.Ledger)
	if err != nil {
		return sandbox.Options{}, err
	}
	spec, runs := service.WithDefaults().Container, service.Sandbox
	o := sandbox.Options{
		Service: sandbox.Service{
			Name: spec.Name, HostPort: spec.HostPort, ContainerPort: spec.ContainerPort,
			HealthPath: spec.HealthPath, VersionPath: spec.VersionPath, CountField: spec.CountField, CountFile: runs.CountFile,
			EnvFile: spec.EnvFile, DrainSignal: spec.DrainSignal, UndrainSignal: spec.UndrainSignal,
			Program: runs.Program, Env: runs.Env, Labels: labels(spec, runs.CountFile),
		},
		Environment: environment, Region: location.Region, Zones: runs.Zones, Bucket: location.Bucket, BucketRegion: location.Region,
	}
	for _, m := range spec.Mounts {
		o.Service.Mounts = append(o.Service.Mounts, sandbox.Mount{Source: m.Source, Target: m.Target})
	}
	return o, nil
}

// labels returns the image labels that hold the service's drain signals and the file of its count.
func labels(spec docker.Spec, countFile string) map[string]string {
	all := map[string]string{}
	for name, value := range map[docker.Label]string{
		docker.LabelDrain: spec.DrainSignal, docker.LabelUndrain: spec.UndrainSignal, docker.LabelConnections: countFile,
	} {
		if value != "" {
			all[spec.Label(name)] = value
		}
	}
	return all
}

// sandboxOptions returns the options of a sandbox of the declared service, with the flags' values.
func sandboxOptions(environment *string, instances *int, factor *float64) (sandbox.Options, error) {
	if err := errors.Join(atLeastOne("instances", instances), atLeastOne("factor", factor)); err != nil {
		return sandbox.Options{}, console.Usage("%v", err)
	}
	declared, err := service()
	if err != nil {
		return sandbox.Options{}, err
	}
	if err := declared.Validate(); err != nil {
		return sandbox.Options{}, console.Usage("%v", err)
	}
	name := cmp.Or(value(environment, ""), tried(declared))
	if _, err := declared.Environment(name); err != nil {
		return sandbox.Options{}, ended(report.Document{}, err)
	}
	o, err := SandboxOf(declared, name)
	if err != nil {
		return o, console.Usage("%v", err)
	}
	o.Logf = func(format string, args ...any) { console.Warnf("sandbox: "+format+"\n", args...) }
	if instances != nil {
		o.Instances = *instances
	}
	if factor != nil {
		o.Factor = *factor
	}
	return o, nil
}

// tried returns the default environment of a sandbox.
func tried(service deploy.Service) string {
	names := service.EnvironmentNames()
	for _, name := range names {
		if !service.Environments[name].Confirm {
			return name
		}
	}
	return names[0]
}

// checkFault returns an error for an unknown fault, before an environment is started.
func checkFault(name *string) error {
	if name == nil {
		return nil
	}
	return sandbox.CheckFault(*name)
}

func inject(env *sandbox.Environment, fault *string) error {
	if fault == nil {
		return nil
	}
	return env.Fault(*fault)
}

// adopt sets the variables of the environment in this process, as a user would in a shell.
func adopt(env *sandbox.Environment) error {
	for _, line := range env.Env() {
		name, value, _ := strings.Cut(line, "=")
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// exports returns the environment's variables as commands for a shell.
func exports(env *sandbox.Environment) string {
	var b strings.Builder
	for _, line := range env.Env() {
		name, value, _ := strings.Cut(line, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return b.String()
}

// handbook describes the use of the variables.
const handbook = `
Paste that line into another shell, then for example:

  go tool mage deploy:to %s -fleet="$FLEET" -tag="$V2" -policy="$POLICY" -probe="http://$NLB/"
  curl "http://$NLB/"
  aws elbv2 describe-target-health --target-group-arn "$TARGET_GROUP"
  docker ps                                # the first instance's engine

Ctrl-C ends the environment and leaves nothing behind.
`

// closed closes the environment. If its use failed, that error comes first and keeps its exit code.
func closed(env *sandbox.Environment, err error) error {
	left := env.Close()
	if err == nil {
		return left
	}
	if left != nil {
		return mg.Fatalf(mg.ExitStatus(err), "%v", errors.Join(err, left))
	}
	return err
}
