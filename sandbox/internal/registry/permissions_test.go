package registry_test

import (
	"io"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/iam"
	"github.com/growl-dev/deploy/sandbox/internal/registry"
)

// pulls and pushes are the actions that AWS's guide demands for a pull and for a push.
var (
	pulls  = []string{"BatchGetImage", "GetDownloadUrlForLayer"}
	pushes = []string{"BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage"}
)

// as makes the site's client a role's that has these of ECR's actions on the repository web.
func (s *site) as(t *testing.T, actions ...string) *iam.Role {
	t.Helper()
	text := `{"Version": "2012-10-17", "Statement": [`
	for n, action := range actions {
		if n > 0 {
			text += ","
		}
		text += `{"Effect": "Allow", "Action": "ecr:` + action + `", "Resource": "arn:aws:ecr:us-west-1:000000000000:repository/web"}`
	}
	policy, err := iam.Parse([]byte(text + "]}"))
	require.NoError(t, err)
	role := iam.NewRole("arn:aws:sts::000000000000:assumed-role/ci/sandbox", policy)
	s.token, _ = s.Issue(role)
	return role
}

// download reads every layer of an image.
func download(image v1.Image) error {
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		content, err := layer.Compressed()
		if err == nil {
			_, err = io.Copy(io.Discard, content)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func TestATokenMayDoWhatItsOwnersPolicyAllows(t *testing.T) {
	image, _ := someImage(t)
	s := serve(t, registry.Repository{Name: "web"}, registry.Repository{Name: "other"})
	role := s.as(t, pushes...)
	require.NoError(t, s.push(t, "web:v1", image))
	require.Error(t, s.push(t, "other:v1", image))
	var used []string
	for _, r := range role.Allowed() {
		used = append(used, r.Action)
	}
	assert.ElementsMatch(t, []string{"ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"}, used)
	_, err := s.pull(t, "web:v1")
	require.ErrorContains(t, err, "DENIED: User: arn:aws:sts::000000000000:assumed-role/ci/sandbox is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-west-1:000000000000:repository/web")
	s.as(t, pulls...)
	pulled, err := s.pull(t, "web:v1")
	require.NoError(t, err)
	require.NoError(t, download(pulled))
}

func TestAPushWithoutOneOfItsActionsIsRefused(t *testing.T) {
	for n, left := range pushes {
		t.Run(left, func(t *testing.T) {
			image, _ := someImage(t)
			s := serve(t, registry.Repository{Name: "web"})
			role := s.as(t, append(append([]string{}, pushes[:n]...), pushes[n+1:]...)...)
			require.Error(t, s.push(t, "web:v1", image))
			assert.True(t, slices.ContainsFunc(role.Denied(), func(r iam.Request) bool { return r.Action == "ecr:"+left }), "%v", role.Denied())
		})
	}
}

func TestAPullWithoutOneOfItsActionsIsRefused(t *testing.T) {
	image, _ := someImage(t)
	s := serve(t, registry.Repository{Name: "web"})
	require.NoError(t, s.push(t, "web:v1", image))
	s.as(t, "GetDownloadUrlForLayer")
	_, err := s.pull(t, "web:v1")
	require.ErrorContains(t, err, "ecr:BatchGetImage")
	s.as(t, "BatchGetImage")
	pulled, err := s.pull(t, "web:v1")
	require.NoError(t, err)
	require.ErrorContains(t, download(pulled), "ecr:GetDownloadUrlForLayer")
}
