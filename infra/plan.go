package infra

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/terraform-exec/tfexec"
	tfjson "github.com/hashicorp/terraform-json"
)

// Plan is the list of changes that an apply would make, read from Terraform's plan file. The file holds secrets: its
// mode is 0600, it is in a folder of its own, and Close removes it.
type Plan struct {
	// Changes are the differences between AWS and the code.
	Changes []Change
	// Warnings are the other check blocks that failed. They do not refuse a run.
	Warnings []string

	environment *Environment
	folder      string
	json        *tfjson.Plan
}

// CreateWorkspace makes the environment's workspace if it does not exist. The first apply needs it.
func (e *Environment) CreateWorkspace(ctx context.Context) error { return e.ready(ctx, true) }

// Plan compares AWS with the code, under the state's lock. Apply refuses a plan if another apply came in between.
// Without a workspace the error is ErrNoWorkspace.
func (e *Environment) Plan(ctx context.Context) (*Plan, error) {
	if err := e.ready(ctx, false); err != nil {
		return nil, err
	}
	return e.settling(ctx)
}

// settling plans again with a replacement of each parameter that was rewritten by hand, because Terraform would
// otherwise keep its value.
func (e *Environment) settling(ctx context.Context, options ...tfexec.PlanOption) (*Plan, error) {
	plan, err := e.plan(ctx, e.loud, options...)
	if err != nil || len(plan.unsettled()) == 0 {
		return plan, err
	}
	for _, address := range plan.unsettled() {
		options = append(options, tfexec.Replace(address))
	}
	if err := plan.Close(); err != nil {
		return nil, err
	}
	return e.plan(ctx, e.loud, options...)
}

// planReadOnly plans without the lock and without output, for callers that only read.
func (e *Environment) planReadOnly(ctx context.Context) (*Plan, error) {
	if err := e.ready(ctx, false); err != nil {
		return nil, err
	}
	return e.plan(ctx, e.quiet, tfexec.Lock(false))
}

func (e *Environment) plan(ctx context.Context, tf *tfexec.Terraform, options ...tfexec.PlanOption) (*Plan, error) {
	folder, err := e.planFolder()
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", e.name, err)
	}
	p := &Plan{environment: e, folder: folder}
	options = append(options, tfexec.VarFile(e.varFile), tfexec.Out(p.file()))
	if e.bucket != "" {
		options = append(options, tfexec.Var("state_bucket="+e.bucket))
	}
	if _, err = tf.Plan(ctx, options...); err != nil {
		return nil, errors.Join(e.failed("plan", err), p.Close())
	}
	if err := p.read(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// planFolder makes a folder that only this user can enter, and removes the folders of killed processes.
func (e *Environment) planFolder() (string, error) {
	old, err := filepath.Glob(filepath.Join(e.dataDir, "plan-*"))
	if err != nil {
		return "", err
	}
	for _, path := range old {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			_ = os.RemoveAll(path)
		}
	}
	return os.MkdirTemp(e.dataDir, "plan-")
}

func (p *Plan) file() string { return filepath.Join(p.folder, "plan") }

// read reads the plan as JSON, because the exit code of terraform plan is not enough: it is 2 for a failed check, and 0
// even if a parameter was rewritten by hand.
func (p *Plan) read(ctx context.Context) error {
	if err := os.Chmod(p.file(), 0o600); err != nil {
		return fmt.Errorf("plan %s: %w", p.environment.name, err)
	}
	read, err := p.environment.quiet.ShowPlanFile(ctx, p.file())
	if err != nil {
		return p.environment.failed("read the plan of", err)
	}
	p.json, p.Changes = read, changesOf(read)
	_, p.Warnings = checksOf(read)
	return nil
}

// Close removes the plan file.
func (p *Plan) Close() error {
	if err := os.RemoveAll(p.folder); err != nil {
		return fmt.Errorf("remove the plan of %s: %w", p.environment.name, err)
	}
	return nil
}
