package targets

import (
	"errors"
	"io/fs"
	"os"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/infra"
)

// Env looks after the env files, which are never committed, and their seals, which are.
type Env mg.Namespace

// Seal writes the SHA-256 of each env file that is here to its seal.
func (Env) Seal() (err error) {
	defer cleanError(&err)
	for _, name := range environments() {
		if _, err := os.Stat(infra.EnvFile(terraformDir, name)); errors.Is(err, fs.ErrNotExist) {
			printf("%s: no env file here, its seal stays\n", name)
			continue
		}
		changed, err := infra.WriteSeal(terraformDir, name, checkEnvFile)
		if err != nil {
			return err
		}
		printf("%s: %s\n", name, map[bool]string{true: "sealed anew", false: "the seal holds"}[changed])
	}
	return nil
}

// Check compares the env files that are here with their seals.
func (Env) Check() (err error) {
	defer cleanError(&err)
	var faults []error
	for _, name := range environments() {
		if _, err := os.Stat(infra.EnvFile(terraformDir, name)); errors.Is(err, fs.ErrNotExist) {
			printf("%s: no env file here\n", name)
			continue
		}
		faults = append(faults, infra.CheckSeal(terraformDir, name, checkEnvFile))
	}
	return errors.Join(faults...)
}
