package targets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/sandbox"
)

// Sandbox is a whole environment on this machine, with nothing installed but Go.
type Sandbox mg.Namespace

// Run brings an environment up on this machine and rolls a release out under load (short: mage sandbox).
func (Sandbox) Run(ctx context.Context,
	// how many instances; default 3
	instances *int,
	// something to go wrong, by name; see the README
	fault *string,
	// how many times faster than real the load balancer's time goes by; default 20
	factor *float64,
	// file to write the JSON report to
	report *string,
) (err error) {
	defer cleanError(&err)
	o, err := sandboxOptions(instances, factor)
	if err != nil {
		return err
	}
	return inSandbox(ctx, o, fault, func(ctx context.Context, env *sandbox.Environment) error {
		if err := adopt(env); err != nil {
			return err
		}
		return deploy(ctx, settings{
			Environment: env.Fleet.Environment, Tag: env.V2, Fleet: env.FleetFile,
			SSH: sshSettings(nil), Ledger: ledgerLocation(),
			Policy: env.Policy(), Probe: env.URL, Report: value(report, "", ""), Sandbox: true,
		})
	})
}

// Up brings an environment up on this machine and keeps it until Ctrl-C, to be used by hand.
func (Sandbox) Up(ctx context.Context,
	// how many instances; default 3
	instances *int,
	// something to go wrong, by name; see the README
	fault *string,
	// how many times faster than real the load balancer's time goes by; default 20
	factor *float64,
	// run no processes: the sandbox itself answers for the service, and thousands of instances fit
	hollow *bool,
	// file to write at the end what AWS was asked, as JSON
	report *string,
) (err error) {
	defer cleanError(&err)
	if err := checkReport(report); err != nil {
		return err
	}
	o, err := sandboxOptions(instances, factor)
	if err != nil {
		return err
	}
	o.Hollow = set(hollow)
	return inSandbox(ctx, o, fault, func(ctx context.Context, env *sandbox.Environment) error {
		printf("%s", exports(env))
		warnf("%s", handbook)
		<-ctx.Done()
		return writeJSON(report, asked{env.Calls()})
	})
}

// asked is what a sandbox says at its end.
type asked struct {
	// Calls are those that AWS was asked, refused ones included, by action.
	Calls map[string]int `json:"calls"`
}

// inSandbox does something in an environment of its own, which ends with it. While
// it is brought up, mage's handling of Ctrl-C serves; then a signal ends the doing.
func inSandbox(ctx context.Context, o sandbox.Options, fault *string, do func(context.Context, *sandbox.Environment) error) (err error) {
	if err := checkFault(fault); err != nil {
		return usage("%v", err)
	}
	env, err := sandbox.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = closed(env, err) }()
	if err := inject(env, fault); err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	return do(ctx, env)
}

// atLeastOne refuses a flag that was given and makes no sense.
func atLeastOne[T int | float64](name string, flag *T) error {
	if flag != nil && *flag < 1 {
		return fmt.Errorf("-%s=%v: want at least 1", name, *flag)
	}
	return nil
}

// growlSandbox is a sandbox of growl-backend's dev: its container, program, image labels, bucket and regions.
func growlSandbox() sandbox.Options {
	spec := service()
	logs := spec.Mounts[0].Target
	return sandbox.Options{
		Service: sandbox.Service{
			Name: spec.Name, HostPort: spec.HostPort, ContainerPort: spec.ContainerPort,
			HealthPath: spec.HealthPath, VersionPath: spec.VersionPath, CountField: spec.CountField, CountFile: logs + "/connections",
			EnvFile: spec.EnvFile, Mounts: []sandbox.Mount{{Source: spec.Mounts[0].Source, Target: logs}},
			DrainSignal: spec.DrainSignal, UndrainSignal: spec.UndrainSignal,
			Program: serviceDir, Env: map[string]string{"LOG_DIR": logs},
			Labels: map[string]string{
				spec.Label(docker.LabelDrain): spec.DrainSignal, spec.Label(docker.LabelUndrain): spec.UndrainSignal, spec.Label(docker.LabelConnections): logs + "/connections",
			},
		},
		Zones: []string{"us-west-1a", "us-west-1c"}, Bucket: defaultBucket, BucketRegion: ledgerRegion,
	}
}

func sandboxOptions(instances *int, factor *float64) (sandbox.Options, error) {
	if err := errors.Join(atLeastOne("instances", instances), atLeastOne("factor", factor)); err != nil {
		return sandbox.Options{}, usage("%v", err)
	}
	o := growlSandbox()
	o.Logf = func(format string, args ...any) { warnf("sandbox: "+format+"\n", args...) }
	if instances != nil {
		o.Instances = *instances
	}
	if factor != nil {
		o.Factor = *factor
	}
	return o, nil
}

// checkFault refuses an unknown name before an environment is brought up.
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

// adopt points this process at the environment, the way a user's shell would be.
func adopt(env *sandbox.Environment) error {
	for _, line := range env.Env() {
		name, value, _ := strings.Cut(line, "=")
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// exports are the environment's variables as a shell reads them.
func exports(env *sandbox.Environment) string {
	var b strings.Builder
	for _, line := range env.Env() {
		name, value, _ := strings.Cut(line, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return b.String()
}

// handbook says what the variables are good for.
const handbook = `
Paste these into another shell, then for example:

  go tool mage deploy:dev -fleet="$FLEET" -tag="$V2" -policy="$POLICY" -probe="http://$NLB/"
  curl "http://$NLB/"
  aws elbv2 describe-target-health --target-group-arn "$TARGET_GROUP"
  docker ps                                # the first instance's engine

Ctrl-C ends the environment and leaves nothing behind.
`

// closed ends the environment. What it was used for failed first, if it did,
// and keeps its exit code.
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
