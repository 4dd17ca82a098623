package upkeep

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/internal/console"
	"github.com/growl-dev/deploy/magefiles/growl"
	"github.com/growl-dev/deploy/remote/docker/firstboot"
)

// Infra renders the files of the infrastructure that depend on the service's declaration.
type Infra mg.Namespace

// Render writes the first-boot script from the same container spec that rollouts use.
func (Infra) Render() (err error) {
	defer console.CleanError(&err)
	script, err := firstboot.Render(growl.Service().WithDefaults().Container)
	if err != nil {
		return err
	}
	path := filepath.Join(growl.Terraform, "first-boot.sh")
	if err := os.WriteFile(path, script, 0o755); err != nil {
		return fmt.Errorf("write the first-boot script: %w", err)
	}
	console.Printf("written: %s\n", path)
	return nil
}
