package awsapi

import (
	"errors"
	"strconv"

	"github.com/growl-dev/deploy/sandbox/internal/balancer"
)

// elbService serves ELBv2's calls. Those that describe groups and the load balancer are in elb_describe.go.
type elbService struct {
	balancer Balancer
	tags     *tags
}

func (s elbService) calls() map[string]call {
	return map[string]call{
		"DescribeLoadBalancers":          s.describeLoadBalancers,
		"DescribeLoadBalancerAttributes": s.describeLoadBalancerAttributes,
		"DescribeListeners":              s.describeListeners,
		"DescribeTags":                   s.describeTags,
		"AddTags":                        s.addTags,
		"RemoveTags":                     s.removeTags,
		"DescribeTargetGroups":           s.describeTargetGroups,
		"DescribeTargetGroupAttributes":  s.describeTargetGroupAttributes,
		"ModifyTargetGroupAttributes":    s.modifyTargetGroupAttributes,
		"DescribeTargetHealth":           s.describeTargetHealth,
		"RegisterTargets":                s.registerTargets,
		"DeregisterTargets":              s.deregisterTargets,
	}
}

type empty struct{}

type targetXML struct {
	ID   string `xml:"Id"`
	Port int
}

type healthXML struct {
	State       balancer.State
	Reason      balancer.Reason `xml:",omitempty"`
	Description string          `xml:",omitempty"`
}

type targetHealthXML struct {
	Target          targetXML
	HealthCheckPort string
	TargetHealth    healthXML
}

func (s elbService) describeTargetHealth(r request) (any, error) {
	group, err := groupARN(r)
	if err != nil {
		return nil, err
	}
	endpoints, err := targets(r)
	if err != nil {
		return nil, err
	}
	health, err := s.balancer.Health(group, endpoints...)
	if err != nil {
		return nil, elbError(err, group)
	}
	var result struct {
		TargetHealthDescriptions members[targetHealthXML]
	}
	list := &result.TargetHealthDescriptions.Member
	for _, h := range health {
		*list = append(*list, targetHealthXML{
			Target:          targetXML{h.Instance, h.Port},
			HealthCheckPort: strconv.Itoa(h.Port),
			TargetHealth:    healthXML(h.Health),
		})
	}
	return result, nil
}

func (s elbService) registerTargets(r request) (any, error) {
	return s.change(r, s.balancer.Register)
}

func (s elbService) deregisterTargets(r request) (any, error) {
	return s.change(r, s.balancer.Deregister)
}

func (s elbService) change(r request, act func(string, ...balancer.Endpoint) error) (any, error) {
	group, err := groupARN(r)
	if err != nil {
		return nil, err
	}
	endpoints, err := targets(r)
	if err != nil {
		return nil, err
	}
	if len(endpoints) == 0 {
		return nil, missing("targets")
	}
	if err := act(group, endpoints...); err != nil {
		return nil, elbError(err, group)
	}
	return empty{}, nil
}

// targets reads Targets.member.N.Id and .Port.
func targets(r request) ([]balancer.Endpoint, error) {
	var endpoints []balancer.Endpoint
	for _, record := range r.form.records("Targets", "Id", "Port") {
		e := balancer.Endpoint{Instance: record[0]}
		if record[1] != "" {
			port, err := strconv.Atoi(record[1])
			if err != nil || port < 1 || port > 65535 {
				return nil, badRequest("ValidationError", "Port '%s' of target '%s' must be between 1 and 65535", record[1], record[0])
			}
			e.Port = port
		}
		endpoints = append(endpoints, e)
	}
	return endpoints, nil
}

type attributeXML struct{ Key, Value string }

type attributesResult struct {
	Attributes members[attributeXML]
}

func (s elbService) describeTargetGroupAttributes(r request) (any, error) {
	group, err := groupARN(r)
	if err != nil {
		return nil, err
	}
	attributes, err := s.balancer.Attributes(group)
	if err != nil {
		return nil, elbError(err, group)
	}
	return attributeList(attributes), nil
}

func (s elbService) modifyTargetGroupAttributes(r request) (any, error) {
	group, err := groupARN(r)
	if err != nil {
		return nil, err
	}
	changes := map[string]string{}
	for _, record := range r.form.records("Attributes", "Key", "Value") {
		changes[record[0]] = record[1]
	}
	if err := s.balancer.SetAttributes(group, changes); err != nil {
		return nil, elbError(err, group)
	}
	return s.describeTargetGroupAttributes(r)
}

func groupARN(r request) (string, error) {
	if arn := r.form.get("TargetGroupArn"); arn != "" {
		return arn, nil
	}
	return "", missing("targetGroupArn")
}

func missing(parameter string) error {
	return badRequest("ValidationError", "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", parameter)
}

// elbError returns the AWS error for an unknown group or instance.
func elbError(err error, group string) error {
	if errors.Is(err, balancer.ErrGroupNotFound) {
		return badRequest("TargetGroupNotFound", "Target groups '%s' not found", group)
	}
	if unknown, ok := errors.AsType[*balancer.UnknownInstanceError](err); ok {
		return badRequest("InvalidTarget", "Instance ID '%s' is not valid", unknown.ID)
	}
	return err
}
