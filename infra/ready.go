package infra

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/terraform-exec/tfexec"
)

// oldest is the first Terraform release whose S3 backend has its own lock that is not experimental.
const oldest = "1.11.0"

// ErrNoWorkspace is the error of an environment to which nothing was ever applied.
var ErrNoWorkspace = errors.New("there is no such workspace")

// ready initialises the data directory and selects the workspace, unless both are done already. It checks that in
// files, because running terraform for it takes much longer. create makes a missing workspace.
func (e *Environment) ready(ctx context.Context, create bool) error {
	if err := e.initialise(ctx); err != nil {
		return err
	}
	selected, err := os.ReadFile(selectionFile(e.dataDir))
	if err == nil && strings.TrimSpace(string(selected)) == e.workspace {
		return nil
	}
	return e.selectWorkspace(ctx, create)
}

func (e *Environment) selectWorkspace(ctx context.Context, create bool) error {
	workspaces, _, err := e.quiet.WorkspaceList(ctx)
	if err != nil {
		return e.failed("list the workspaces of", err)
	}
	switch {
	case slices.Contains(workspaces, e.workspace):
		err = e.quiet.WorkspaceSelect(ctx, e.workspace)
	case create:
		err = e.quiet.WorkspaceNew(ctx, e.workspace)
	default:
		return fmt.Errorf("select the workspace %s: %w: go tool mage infra:apply %s makes the environment", e.workspace, ErrNoWorkspace, e.name)
	}
	if err != nil {
		return e.failed("select the workspace of", err)
	}
	return nil
}

// initialised records the inputs for which the data directory was initialised.
type initialised struct {
	// Program is the terraform binary: path, size and time.
	Program string `json:"program"`
	// Wanted is a hash of the files that name providers, modules and the backend, and of the bucket.
	Wanted string `json:"wanted"`
	// Plugins are folders that must still exist.
	Plugins []string `json:"plugins"`
}

func stampFile(dataDir string) string { return filepath.Join(dataDir, "initialised.json") }

// initialise runs terraform init unless the data directory is current.
func (e *Environment) initialise(ctx context.Context) error {
	now, err := e.wanted()
	if err != nil {
		return fmt.Errorf("initialise %s: %w", e.name, err)
	}
	if e.current(now) {
		return nil
	}
	if err := e.supported(ctx); err != nil {
		return err
	}
	if err := e.privateDataDir(); err != nil {
		return fmt.Errorf("initialise %s: %w", e.name, err)
	}
	if err := e.init(ctx); err != nil {
		return e.failed("initialise", err)
	}
	// Init may have written the lock file.
	if now, err = e.wanted(); err == nil {
		now.Plugins, err = e.plugins()
	}
	if err == nil {
		err = e.stamp(now)
	}
	if err != nil {
		return fmt.Errorf("initialise %s: %w", e.name, err)
	}
	return nil
}

// selectionFile returns the file in which Terraform keeps the name of the selected workspace.
func selectionFile(dataDir string) string { return filepath.Join(dataDir, "environment") }

// init runs terraform init with the workspace selected beforehand, because init reads the state of the selected
// workspace, and the role of CI may read its own environment's state only. Terraform refuses to initialise if other
// workspaces exist and this one does not. So a failed init is tried again from the default workspace, which always
// exists; the caller then lists the workspaces.
func (e *Environment) init(ctx context.Context) error {
	options := []tfexec.InitOption{tfexec.Upgrade(false), tfexec.Reconfigure(true)}
	if e.bucket != "" {
		options = append(options, tfexec.BackendConfig("bucket="+e.bucket))
	}
	if err := os.WriteFile(selectionFile(e.dataDir), []byte(e.workspace), 0o600); err != nil {
		return err
	}
	failed := e.quiet.Init(ctx, options...)
	if failed == nil || ctx.Err() != nil {
		return failed
	}
	if err := os.Remove(selectionFile(e.dataDir)); err != nil {
		return errors.Join(failed, err)
	}
	if e.quiet.Init(ctx, options...) != nil {
		return failed
	}
	return nil
}

// supported returns an error if terraform is too old.
func (e *Environment) supported(ctx context.Context) error {
	found, _, err := e.quiet.Version(ctx, true)
	if err != nil {
		return e.failed("read the version of "+e.program+" to initialise", err)
	}
	if found.LessThan(version.Must(version.NewVersion(oldest))) {
		return fmt.Errorf("initialise %s: %s is Terraform %s: install %s or newer", e.name, e.program, found, oldest)
	}
	return nil
}

func (e *Environment) privateDataDir() error {
	if err := os.MkdirAll(e.dataDir, 0o700); err != nil {
		return err
	}
	return os.Chmod(e.dataDir, 0o700)
}

// current reports whether the data directory was initialised for the same inputs and is complete.
func (e *Environment) current(now initialised) bool {
	content, err := os.ReadFile(stampFile(e.dataDir))
	var then initialised
	if err != nil || json.Unmarshal(content, &then) != nil {
		return false
	}
	if then.Program != now.Program || then.Wanted != now.Wanted {
		return false
	}
	return !slices.ContainsFunc(then.Plugins, func(plugin string) bool {
		_, err := os.Stat(filepath.Join(e.dataDir, "providers", plugin))
		return err != nil
	})
}

func (e *Environment) stamp(now initialised) error {
	content, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return os.WriteFile(stampFile(e.dataDir), content, 0o600)
}

// declares matches files that name a backend, providers or modules, because init reads those. A file too many costs an
// init, a file too few would cost a failed plan.
var declares = regexp.MustCompile(`(?m)^\s*"?(terraform|module|provider)"?\b`)

func (e *Environment) wanted() (initialised, error) {
	program, err := os.Stat(e.program)
	if err != nil {
		return initialised{}, err
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "bucket %s\n", e.bucket)
	files, err := filepath.Glob(filepath.Join(e.dir, "*.tf*"))
	if err != nil {
		return initialised{}, err
	}
	for _, path := range append(files, filepath.Join(e.dir, ".terraform.lock.hcl")) {
		content, err := os.ReadFile(path)
		if err != nil || !declares.Match(content) {
			continue // there is no lock file yet, or it is a folder
		}
		fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(path), len(content), content)
	}
	return initialised{
		Program: fmt.Sprintf("%s %d %s", e.program, program.Size(), program.ModTime().UTC().Format(time.RFC3339Nano)),
		Wanted:  hex.EncodeToString(hash.Sum(nil)),
	}, nil
}

// plugins lists the provider packages in the data directory, as HOST/NAMESPACE/NAME/VERSION/SYSTEM.
func (e *Environment) plugins() ([]string, error) {
	root := filepath.Join(e.dataDir, "providers")
	found, err := filepath.Glob(filepath.Join(root, "*", "*", "*", "*", "*"))
	if err != nil {
		return nil, err
	}
	for n, path := range found {
		if found[n], err = filepath.Rel(root, path); err != nil {
			return nil, err
		}
	}
	return found, nil
}
