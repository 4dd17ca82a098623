package awsapi

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// tags holds the tags of the load balancer's resources, by ARN. They have no effect; Terraform and people set them.
type tags struct {
	mu sync.Mutex
	of map[string]map[string]string
}

type tagXML struct{ Key, Value string }

type tagsXML struct {
	ResourceArn string
	Tags        members[tagXML]
}

func (s elbService) describeTags(r request) (any, error) {
	arns, err := s.resources(r)
	if err != nil {
		return nil, err
	}
	s.tags.mu.Lock()
	defer s.tags.mu.Unlock()
	var result struct {
		TagDescriptions members[tagsXML]
	}
	for _, arn := range arns {
		described := tagsXML{ResourceArn: arn}
		for _, key := range slices.Sorted(maps.Keys(s.tags.of[arn])) {
			described.Tags.Member = append(described.Tags.Member, tagXML{key, s.tags.of[arn][key]})
		}
		result.TagDescriptions.Member = append(result.TagDescriptions.Member, described)
	}
	return result, nil
}

func (s elbService) addTags(r request) (any, error) {
	arns, err := s.resources(r)
	if err != nil {
		return nil, err
	}
	added := r.form.records("Tags", "Key", "Value")
	if len(added) == 0 {
		return nil, missing("tags")
	}
	s.tags.mu.Lock()
	defer s.tags.mu.Unlock()
	for _, arn := range arns {
		if s.tags.of[arn] == nil {
			s.tags.of[arn] = map[string]string{}
		}
		for _, tag := range added {
			s.tags.of[arn][tag[0]] = tag[1]
		}
	}
	return empty{}, nil
}

func (s elbService) removeTags(r request) (any, error) {
	arns, err := s.resources(r)
	if err != nil {
		return nil, err
	}
	s.tags.mu.Lock()
	defer s.tags.mu.Unlock()
	for _, arn := range arns {
		for _, key := range r.form.list("TagKeys") {
			delete(s.tags.of[arn], key)
		}
	}
	return empty{}, nil
}

// resources returns the ARNs that a call about tags names. All have to exist.
func (s elbService) resources(r request) ([]string, error) {
	arns := r.form.list("ResourceArns")
	if len(arns) == 0 {
		return nil, missing("resourceArns")
	}
	known := []string{s.balancer.Describe().ARN}
	for _, g := range s.balancer.Groups() {
		known = append(known, g.ARN, g.ListenerARN)
	}
	for _, arn := range arns {
		if slices.Contains(known, arn) {
			continue
		}
		if strings.Contains(arn, ":targetgroup/") {
			return nil, badRequest("TargetGroupNotFound", "Target groups '%s' not found", arn)
		}
		return nil, badRequest("LoadBalancerNotFound", "Load balancers '%s' not found", arn)
	}
	return arns, nil
}
