package upkeep

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/magefiles/growl"
)

func TestTheHookSealsEveryEnvironment(t *testing.T) {
	script, err := os.ReadFile("../../internal/githook/pre-commit.sh")
	require.NoError(t, err)
	assert.Contains(t, string(script), "for name in "+strings.Join(growl.Service().EnvironmentNames(), " ")+"; do")
	assert.Contains(t, string(script), "terraform="+growl.Terraform+"\n")
	assert.Len(t, envFiles(), len(growl.Service().Environments))
	for name, file := range envFiles() {
		assert.Equal(t, growl.Terraform+"/.env."+name, file.Path)
		assert.Equal(t, growl.Terraform+"/env-"+name+".sha256", file.Seal)
	}
}

func TestOnlyEnvFilesAreSealed(t *testing.T) {
	require.NoError(t, checkEnvFile([]byte("A=1\n")))
	require.ErrorContains(t, checkEnvFile([]byte("# nothing yet\n")), "it has no variable, as when a secret is missing")
	err := checkEnvFile([]byte("hunter22 =1\n"))
	require.ErrorContains(t, err, "there is white space in the name")
	assert.NotContains(t, err.Error(), "hunter22")
}
