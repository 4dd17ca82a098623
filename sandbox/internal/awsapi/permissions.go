package awsapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/growl-dev/deploy/internal/iam"
)

// permit returns an error if the policies of the caller's role do not allow the call. A caller without a role is the
// account's administrator. Every role may make a call that needs no permission, such as GetCallerIdentity.
func (s *Server) permit(service string, req request, codes commonCodes) *apiError {
	if req.caller == nil {
		return nil
	}
	needed, err := s.needs(service, req)
	if err != nil {
		return &apiError{"InternalFailure", "The sandbox cannot decide the call: " + err.Error(), http.StatusNotImplemented}
	}
	for _, n := range needed {
		n.Context = map[string]string{iam.RequestedRegion: req.region}
		if err := req.caller.Authorize(n); err != nil {
			return &apiError{codes.notAllowed, err.Error(), codes.denied}
		}
	}
	return nil
}

// needs returns the permissions that a call needs. A call that is not mapped to its resource is an error, because a
// guessed resource would make the decision worthless.
func (s *Server) needs(service string, req request) ([]iam.Request, error) {
	name, _, _ := strings.Cut(service, " ") // CloudWatch is one service in three protocols
	resources, err := s.resources(name, req)
	if err != nil {
		return nil, err
	}
	prefix := name
	if name == "monitoring" {
		prefix = "cloudwatch"
	}
	var needed []iam.Request
	for _, resource := range resources {
		needed = append(needed, iam.Request{Action: prefix + ":" + req.action, Resource: resource})
	}
	return needed, nil
}

// resources returns the ARNs of the resources that a call acts on. It returns "*" if the action has no resource.
func (s *Server) resources(service string, req request) ([]string, error) {
	switch service {
	case "sts":
		if req.action == "GetCallerIdentity" {
			return nil, nil
		}
	case "elasticloadbalancing":
		return elbResources(req)
	case "monitoring":
		return s.alarmResources(req)
	case "ecr":
		return s.ecrResources(req)
	case "ec2":
		// Most of EC2's reads take no resource.
		if strings.HasPrefix(req.action, "Describe") {
			return []string{"*"}, nil
		}
	case "iam":
		return s.iamResources(req)
	case "ssm":
		return s.ssmResources(req)
	}
	return nil, unmapped(service, req)
}

func unmapped(service string, req request) error {
	return fmt.Errorf("%s:%s is not mapped to the resources that it needs", service, req.action)
}

func elbResources(req request) ([]string, error) {
	switch {
	case strings.HasPrefix(req.action, "Describe"):
		return []string{"*"}, nil
	case req.form.get("TargetGroupArn") != "":
		return []string{req.form.get("TargetGroupArn")}, nil
	case len(req.form.list("ResourceArns")) > 0:
		return req.form.list("ResourceArns"), nil
	}
	return nil, unmapped("elasticloadbalancing", req)
}

func (s *Server) alarmResources(req request) ([]string, error) {
	if req.action == "DescribeAlarms" {
		return []string{s.arn("cloudwatch", req.region, "alarm:*")}, nil
	}
	if arn := alarmARN(req); arn != "" {
		return []string{arn}, nil
	}
	return nil, unmapped("cloudwatch", req)
}

// alarmARN returns the parameter ResourceARN of a call in any of CloudWatch's protocols.
func alarmARN(req request) string {
	if arn := req.form.get("ResourceARN"); arn != "" {
		return arn
	}
	var in struct{ ResourceARN string }
	if json.Unmarshal(req.body, &in) == nil {
		return in.ResourceARN
	}
	fields, err := cborFields(req.body)
	if err != nil {
		return ""
	}
	return text(fields, "ResourceARN")
}

func (s *Server) ecrResources(req request) ([]string, error) {
	var in struct {
		RepositoryName  string   `json:"repositoryName"`
		RepositoryNames []string `json:"repositoryNames"`
		ResourceArn     string   `json:"resourceArn"`
	}
	if err := json.Unmarshal(req.body, &in); err != nil {
		return nil, err
	}
	names := append(in.RepositoryNames, in.RepositoryName)
	var arns []string
	for _, name := range names {
		if name != "" {
			arns = append(arns, s.arn("ecr", req.region, "repository/"+name))
		}
	}
	switch {
	case req.action == "GetAuthorizationToken":
		return []string{"*"}, nil
	case in.ResourceArn != "":
		return []string{in.ResourceArn}, nil
	case len(arns) > 0:
		return arns, nil
	case req.action == "DescribeRepositories":
		return []string{s.arn("ecr", req.region, "repository/*")}, nil
	}
	return nil, unmapped("ecr", req)
}

func (s *Server) iamResources(req request) ([]string, error) {
	for parameter, kind := range map[string]string{"RoleName": "role/", "InstanceProfileName": "instance-profile/"} {
		if name := req.form.get(parameter); name != "" {
			return []string{s.arn("iam", "", kind+name)}, nil
		}
	}
	switch {
	case req.form.get("OpenIDConnectProviderArn") != "":
		return []string{req.form.get("OpenIDConnectProviderArn")}, nil
	case req.action == "ListOpenIDConnectProviders":
		return []string{"*"}, nil
	}
	return nil, unmapped("iam", req)
}

func (s *Server) ssmResources(req request) ([]string, error) {
	var in struct{ Name, ResourceID string }
	if err := json.Unmarshal(req.body, &in); err != nil {
		return nil, err
	}
	switch {
	case req.action == "DescribeParameters":
		return []string{s.arn("ssm", req.region, "*")}, nil
	case strings.HasPrefix(in.Name, "/aws/service/"): // a public parameter belongs to no account
		return []string{"arn:aws:ssm:" + req.region + "::parameter" + in.Name}, nil
	case in.Name+in.ResourceID != "":
		return []string{s.arn("ssm", req.region, "parameter/"+strings.TrimPrefix(in.Name+in.ResourceID, "/"))}, nil
	}
	return nil, unmapped("ssm", req)
}

// arn returns the ARN of a resource of the account.
func (s *Server) arn(service, region, resource string) string {
	return "arn:aws:" + service + ":" + region + ":" + s.account + ":" + resource
}
