package awsapi

import (
	"maps"
	"slices"
	"time"

	"github.com/growl-dev/deploy/sandbox/internal/balancer"
)

// The VPC and the hosted zone in descriptions, neither of which exists.
const (
	vpcID        = "vpc-00000000000000000"
	hostedZoneID = "Z0000000000000"
)

type targetGroupXML struct {
	TargetGroupArn             string
	TargetGroupName            string
	Protocol                   string
	Port                       int
	VpcID                      string `xml:"VpcId"`
	HealthCheckEnabled         bool
	HealthCheckProtocol        string
	HealthCheckPort            string
	HealthCheckPath            string
	HealthCheckIntervalSeconds int
	HealthCheckTimeoutSeconds  int
	HealthyThresholdCount      int
	UnhealthyThresholdCount    int
	Matcher                    string `xml:"Matcher>HttpCode"`
	LoadBalancerArns           members[string]
	TargetType                 string
	IPAddressType              string `xml:"IpAddressType"`
}

func (s elbService) describeTargetGroups(r request) (any, error) {
	arns, names := r.form.list("TargetGroupArns"), r.form.list("Names")
	lb := s.balancer.Describe()
	if asked := r.form.get("LoadBalancerArn"); asked != "" && asked != lb.ARN {
		return nil, badRequest("LoadBalancerNotFound", "Load balancer '%s' not found", asked)
	}
	var result struct {
		TargetGroups members[targetGroupXML]
	}
	list := &result.TargetGroups.Member
	for _, g := range s.balancer.Groups() {
		if selects(g.ARN, arns) && selects(g.Name, names) {
			*list = append(*list, describeGroup(g, lb))
		}
	}
	if len(*list) < max(len(arns), len(names)) {
		return nil, badRequest("TargetGroupNotFound", "One or more target groups not found")
	}
	return result, nil
}

// describeGroup describes a group. Its times are in the sandbox's own time and, as in AWS, in whole seconds, so that a
// shorter time is 0.
func describeGroup(g balancer.Group, lb balancer.LoadBalancer) targetGroupXML {
	check := g.HealthCheck
	here := func(d time.Duration) int { return int(d.Seconds() / max(lb.Factor, 1)) }
	return targetGroupXML{
		TargetGroupArn:             g.ARN,
		TargetGroupName:            g.Name,
		Protocol:                   "TCP",
		Port:                       g.Port,
		VpcID:                      vpcID,
		HealthCheckEnabled:         true,
		HealthCheckProtocol:        "HTTP",
		HealthCheckPort:            "traffic-port",
		HealthCheckPath:            check.Path,
		HealthCheckIntervalSeconds: here(check.Interval),
		HealthCheckTimeoutSeconds:  here(check.Timeout),
		HealthyThresholdCount:      check.HealthyThreshold,
		UnhealthyThresholdCount:    check.UnhealthyThreshold,
		Matcher:                    "200-399",
		LoadBalancerArns:           members[string]{[]string{lb.ARN}},
		TargetType:                 "instance",
		IPAddressType:              "ipv4",
	}
}

// selects reports whether the filter is empty or has the value.
func selects(value string, filter []string) bool {
	return len(filter) == 0 || slices.Contains(filter, value)
}

type zoneXML struct {
	ZoneName string
	SubnetID string `xml:"SubnetId"`
}

type loadBalancerXML struct {
	LoadBalancerArn       string
	DNSName               string
	CanonicalHostedZoneID string `xml:"CanonicalHostedZoneId"`
	CreatedTime           string
	LoadBalancerName      string
	Scheme                string
	VpcID                 string `xml:"VpcId"`
	State                 string `xml:"State>Code"`
	Type                  string
	AvailabilityZones     members[zoneXML]
	IPAddressType         string `xml:"IpAddressType"`
}

func (s elbService) describeLoadBalancers(r request) (any, error) {
	lb := s.balancer.Describe()
	for _, filter := range [][2]string{{"LoadBalancerArns", lb.ARN}, {"Names", lb.Name}} {
		for _, asked := range r.form.list(filter[0]) {
			if asked != filter[1] {
				return nil, badRequest("LoadBalancerNotFound", "Load balancers '[%s]' not found", asked)
			}
		}
	}
	described := loadBalancerXML{
		LoadBalancerArn:       lb.ARN,
		DNSName:               lb.DNSName,
		CanonicalHostedZoneID: hostedZoneID,
		CreatedTime:           lb.Created.UTC().Format(time.RFC3339),
		LoadBalancerName:      lb.Name,
		Scheme:                "internet-facing",
		VpcID:                 vpcID,
		State:                 "active",
		Type:                  "network",
		IPAddressType:         "ipv4",
	}
	for _, zone := range lb.Zones {
		described.AvailabilityZones.Member = append(described.AvailabilityZones.Member, zoneXML{zone, "subnet-" + zone})
	}
	return struct {
		LoadBalancers members[loadBalancerXML]
	}{members[loadBalancerXML]{[]loadBalancerXML{described}}}, nil
}

func (s elbService) describeLoadBalancerAttributes(r request) (any, error) {
	lb := s.balancer.Describe()
	if asked := r.form.get("LoadBalancerArn"); asked != lb.ARN {
		return nil, badRequest("LoadBalancerNotFound", "Load balancer '%s' not found", asked)
	}
	return attributeList(lb.Attributes), nil
}

func attributeList(attributes map[string]string) attributesResult {
	var result attributesResult
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		result.Attributes.Member = append(result.Attributes.Member, attributeXML{key, attributes[key]})
	}
	return result
}

type actionXML struct {
	Type           string
	TargetGroupArn string
	Order          int
}

type listenerXML struct {
	ListenerArn     string
	LoadBalancerArn string
	Port            int
	Protocol        string
	DefaultActions  members[actionXML]
}

func (s elbService) describeListeners(r request) (any, error) {
	lb := s.balancer.Describe().ARN
	if asked := r.form.get("LoadBalancerArn"); asked != "" && asked != lb {
		return nil, badRequest("LoadBalancerNotFound", "Load balancer '%s' not found", asked)
	}
	arns := r.form.list("ListenerArns")
	var result struct {
		Listeners members[listenerXML]
	}
	list := &result.Listeners.Member
	for _, g := range s.balancer.Groups() {
		if selects(g.ListenerARN, arns) {
			forward := actionXML{"forward", g.ARN, 1}
			*list = append(*list, listenerXML{g.ListenerARN, lb, g.ListenerPort, "TCP", members[actionXML]{[]actionXML{forward}}})
		}
	}
	if len(*list) < len(arns) {
		return nil, badRequest("ListenerNotFound", "One or more listeners not found")
	}
	return result, nil
}
