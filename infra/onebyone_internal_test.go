package infra

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// TestAFailedApplyNamesAnInstanceThatIsGone reads states that an apply left behind. Terraform's place is taken by a script
// that prints one.
func TestAFailedApplyNamesAnInstanceThatIsGone(t *testing.T) {
	state := func(id string) string {
		return `{"format_version":"1.0","terraform_version":"1.11.0","values":{"root_module":{"resources":[{"address":"aws_instance.a","mode":"managed","values":{"id":"` + id + `"}}]}}}`
	}
	for name, test := range map[string]struct {
		state string
		gone  bool
	}{
		"the old one":     {state("i-1"), false},
		"a new one":       {state("i-2"), true},
		"another address": {`{"format_version":"1.0","terraform_version":"1.11.0","values":{"root_module":{}}}`, true},
		"no resources":    {`{"format_version":"1.0"}`, true},
		"no state":        {`broken`, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			program := filepath.Join(dir, "terraform")
			script := "#!/bin/sh\ncase $1 in\nversion) echo '{\"terraform_version\":\"1.11.0\"}' ;;\nshow) cat \"$0.json\" ;;\n*) exit 1 ;;\nesac\n"
			require.NoError(t, os.WriteFile(program, []byte(script), 0o700))
			require.NoError(t, os.WriteFile(program+".json", []byte(test.state), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "vars"), nil, 0o600))
			e, err := open(Options{Environment: "dev", Dir: dir, Program: program, VarFile: "vars"})
			require.NoError(t, err)
			failed := errors.New("apply failed")
			err = goneAfter(t.Context(), e, Taken{ID: "i-1", Address: "aws_instance.a"}, failed)
			require.ErrorIs(t, err, failed)
			assert.Equal(t, test.gone, errors.Is(err, rollout.ErrGone))
		})
	}
}
