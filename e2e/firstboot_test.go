package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/remote/docker"
)

// answers is the aws command as far as the first boot asks it.
const answers = `#!/bin/sh
case "$1 $2 $*" in
"ecr get-login-password "*) printf %s "$TOKEN" ;;
"ecr batch-get-image "*"imageTag=deployed-dev "*) echo "$DIGEST" ;;
*) exit 252 ;;
esac
`

// firstBoot runs the script that cloud-init runs on a host that has never run the
// service, and compares its container with what a rollout made of the release.
func (f *fleet) firstBoot(t *testing.T) {
	fresh := f.addHost(t, 4, "us-west-1c")
	fresh.awaitEngine(t)
	script, err := os.ReadFile("../growl-backend/terraform/first-boot.sh")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(fresh.path("/opt/bin"), 0o755))
	require.NoError(t, os.WriteFile(fresh.path("/opt/bin/aws"), []byte(answers), 0o755))
	require.NoError(t, os.WriteFile(fresh.path("/opt/first-boot"), script, 0o755))
	repository, err := ecr.NewFromConfig(f.aws(t), f.env.Fleet.Repository, ecr.Options{Region: f.env.Fleet.Region})
	require.NoError(t, err)
	deployed, err := repository.Resolve(t.Context(), "deployed-dev")
	require.NoError(t, err)
	assert.Equal(t, f.shop.source.commits["v2"], deployed.Commit, "the tag that first boot pulls is another release")

	words := strings.Fields(fresh.enter("/opt/first-boot dev " + f.env.Fleet.Repository + " " + f.env.Fleet.Region + " 8080"))
	boot := exec.CommandContext(t.Context(), words[0], words[1:]...)
	boot.Env = []string{"PATH=/opt/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TOKEN=" + f.registryToken(t), "DIGEST=" + deployed.Digest}
	said, err := boot.CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Equal(t, f.hosts[0].container(t), fresh.container(t))
	fresh.awaitService(t)
}

// container is what docker inspect says the service's container is, without what
// has to differ: its ID, who made it, and what going back would restore.
func (h *host) container(t *testing.T) map[string]any {
	t.Helper()
	text, err := h.dockerSays(t, "inspect", "growl-backend")
	require.NoError(t, err)
	var found []struct {
		Name, Image        string
		Config, HostConfig map[string]any
		Mounts             []any
	}
	require.NoError(t, json.Unmarshal([]byte(text), &found))
	c := found[0]
	delete(c.Config, "Hostname")
	labels, _ := c.Config["Labels"].(map[string]any)
	service := docker.Spec{LabelPrefix: "dev.growl"}
	delete(labels, service.Label(docker.LabelRun))
	delete(labels, service.Label(docker.LabelPreviousRestart))
	return map[string]any{"Name": c.Name, "Image": c.Image, "Config": said(c.Config), "HostConfig": said(c.HostConfig), "Mounts": c.Mounts}
}

// said is an object without what says nothing: whether a client left a field out
// or sent it empty makes no difference.
func said(object map[string]any) map[string]any {
	kept := map[string]any{}
	for key, value := range object {
		switch v := value.(type) {
		case map[string]any:
			if inner := said(v); len(inner) > 0 {
				kept[key] = inner
			}
		case []any:
			if len(v) > 0 {
				kept[key] = v
			}
		default:
			if v != nil && v != "" && v != false && v != 0.0 {
				kept[key] = v
			}
		}
	}
	return kept
}
