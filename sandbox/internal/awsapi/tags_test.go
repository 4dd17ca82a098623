package awsapi_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/registry"
)

func TestTagsComeAndGo(t *testing.T) {
	c := newCloud(t)
	arns := []string{c.group.ARN}
	tagged := func() []types.Tag {
		out, err := c.elb.DescribeTags(t.Context(), &elb.DescribeTagsInput{ResourceArns: arns})
		require.NoError(t, err)
		return out.TagDescriptions[0].Tags
	}
	one := types.Tag{Key: aws.String("Owner"), Value: aws.String("us")}
	two := types.Tag{Key: aws.String("Zone"), Value: aws.String("a")}
	_, err := c.elb.AddTags(t.Context(), &elb.AddTagsInput{ResourceArns: arns, Tags: []types.Tag{two, one}})
	require.NoError(t, err)
	assert.Equal(t, []types.Tag{one, two}, tagged())

	one.Value = aws.String("them")
	_, err = c.elb.AddTags(t.Context(), &elb.AddTagsInput{ResourceArns: arns, Tags: []types.Tag{one}})
	require.NoError(t, err)
	_, err = c.elb.RemoveTags(t.Context(), &elb.RemoveTagsInput{ResourceArns: arns, TagKeys: []string{"Zone", "Unknown"}})
	require.NoError(t, err)
	assert.Equal(t, []types.Tag{one}, tagged())
}

func TestTagsOfWhatIsNotThere(t *testing.T) {
	c := newCloud(t)
	_, err := c.elb.DescribeTags(t.Context(), &elb.DescribeTagsInput{ResourceArns: []string{c.group.ARN + "x"}})
	assert.Equal(t, "TargetGroupNotFound", code(t, err))
	_, err = c.elb.AddTags(t.Context(), &elb.AddTagsInput{
		ResourceArns: []string{"arn:aws:elasticloadbalancing:us-west-1:123456789012:loadbalancer/net/x/1"},
		Tags:         []types.Tag{{Key: aws.String("a")}},
	})
	assert.Equal(t, "LoadBalancerNotFound", code(t, err))
	_, err = c.elb.RemoveTags(t.Context(), &elb.RemoveTagsInput{ResourceArns: []string{}, TagKeys: []string{"a"}})
	assert.Equal(t, "ValidationError", code(t, err))
}

func TestRepositoriesHaveNoTags(t *testing.T) {
	c := newCloud(t, registry.Repository{Name: "web"})
	arn := "arn:aws:ecr:us-west-1:123456789012:repository/web"
	out, err := c.ecr.ListTagsForResource(t.Context(), &ecr.ListTagsForResourceInput{ResourceArn: &arn})
	require.NoError(t, err)
	assert.Empty(t, out.Tags)
	arn += "x"
	_, err = c.ecr.ListTagsForResource(t.Context(), &ecr.ListTagsForResourceInput{ResourceArn: &arn})
	assert.Equal(t, "RepositoryNotFoundException", code(t, err))
}
