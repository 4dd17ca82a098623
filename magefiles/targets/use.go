package targets

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"

	"github.com/growl-dev/deploy"
	"github.com/growl-dev/deploy/internal/commandline"
	"github.com/growl-dev/deploy/internal/console"
)

// declared is the service that the magefile declares. It is the project's only package-level variable that is assigned
// after start-up. It is needed because mage calls targets on zero values and cannot pass them a service.
var declared *deploy.Service

// Also describes the magefile besides the service.
type Also struct {
	// Aliases are the aliases of the magefile.
	Aliases map[string]any
	// Sources are the Go files of further packages from which the magefile imports targets.
	Sources []fs.FS
}

// Use declares the service that the targets are for, once, from the magefile:
//
//	var _ = targets.Use(deploy.Service{…}, targets.Also{Aliases: Aliases})
//
// It ends the program with exit code 2 if there is anything in the command line that no target takes, because mage itself
// would run `deploy:to live v2 -dryRun` for real before it finds that v2 is no target. A second call panics.
func Use(service deploy.Service, also ...Also) deploy.Service {
	if declared != nil {
		panic(fmt.Sprintf("targets.Use declares a second service, %q: there is %q already", service.Name, declared.Name))
	}
	declared = &service
	if err := check(os.Args[1:], also); err != nil {
		console.Warnf("Error: %v\n", err)
		os.Exit(2)
	}
	return service
}

// check returns an error for a wrong command line. If it asks for the help of a target, check has mage print that.
func check(args []string, also []Also) error {
	all, aliases := []fs.FS{Sources}, map[string]any{}
	for _, a := range also {
		all = append(all, a.Sources...)
		maps.Copy(aliases, a.Aliases)
	}
	commands, err := commandline.Read(all, aliases)
	if err != nil {
		return err
	}
	if commands.AskForHelp(args) {
		return os.Setenv("MAGEFILE_HELP", "true")
	}
	return commands.Check(args, os.Getenv)
}

// service returns the declared service.
func service() (deploy.Service, error) {
	if declared == nil {
		return deploy.Service{}, console.Usage("no service is declared: write `var _ = targets.Use(deploy.Service{…})` into the magefile")
	}
	return *declared, nil
}

// Sources are this package's own files. A list of those that declare targets would be out of date one day.
//
//go:embed *.go
var Sources embed.FS
