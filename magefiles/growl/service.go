package growl

import (
	"cmp"
	"embed"
	"os"
	"time"

	"github.com/growl-dev/deploy"
	"github.com/growl-dev/deploy/image"
	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/remote/docker"
)

// Sources are this package's own files, which the command line is checked by.
//
//go:embed *.go
var Sources embed.FS

const (
	folder = "growl-backend"
	// Terraform is the folder of the Terraform configuration.
	Terraform = folder + "/terraform"
	// logs is on the host, so that the log outlives containers.
	logs = "/tmp/deployment-test"
)

// Service returns the declaration of growl-backend. TF_STATE_BUCKET names another bucket for Terraform's state and the
// ledger.
func Service() deploy.Service {
	bucket := cmp.Or(os.Getenv("TF_STATE_BUCKET"), "growl-tf-state")
	made := infra.Terraform{Dir: Terraform, Bucket: bucket, EnvFiles: true, Shared: "shared", Parameters: "/" + folder}
	return deploy.Service{
		Name:       folder,
		Container:  spec(),
		Ledger:     "s3://" + bucket + "/ledger?region=us-west-1",
		KnownHosts: []string{Terraform + "/known_hosts"},
		Image:      image.Options{Dir: folder, CompileGo: true},
		Sandbox: deploy.Sandbox{
			Program: folder, Env: map[string]string{"LOG_DIR": logs}, CountFile: logs + "/connections", Zones: []string{"us-west-1a", "us-west-1c"},
		},
		Environments: map[string]deploy.Environment{
			"dev":  {Fleet: made, OldLedgerKey: "dev"},
			"prod": {Fleet: made, OldLedgerKey: "prod", Policy: "rollback=true", CommitOnly: true, Confirm: true, PromotedFrom: "dev"},
		},
	}
}

func spec() docker.Spec {
	return docker.Spec{
		Name:          folder,
		HostPort:      8080,
		ContainerPort: 8080,
		Mounts:        []docker.Mount{{Source: logs, Target: logs}},
		EnvFile:       "/etc/growl-backend/env",
		Restart:       "always",
		// Named although it is the default: the engine takes any other signal to a container that names none, the drain's
		// too, as an end to its restart policy.
		StopSignal: "SIGTERM",
		// The service finishes requests in flight for at most 30 s.
		StopGrace:     30 * time.Second,
		HealthPath:    "/healthz",
		VersionPath:   "/version",
		CountField:    "connections",
		LabelPrefix:   "dev.growl",
		DrainSignal:   "SIGUSR1",
		UndrainSignal: "SIGUSR2",
	}
}
