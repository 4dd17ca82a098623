package awsapi

import (
	"net/http"
	"net/url"
	"strings"
)

// scope is the credential of a signed request: key/date/region/service/aws4_request.
type scope struct {
	key, region, service string
}

// parseScope parses the Authorization header of Signature Version 4. It returns the zero scope for any other header.
func parseScope(header string) scope {
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	if !ok {
		return scope{}
	}
	for field := range strings.SplitSeq(rest, ",") {
		credential, ok := strings.CutPrefix(strings.TrimSpace(field), "Credential=")
		if !ok {
			continue
		}
		parts := strings.Split(credential, "/")
		if len(parts) != 5 || parts[4] != "aws4_request" {
			return scope{}
		}
		return scope{key: parts[0], region: parts[2], service: parts[3]}
	}
	return scope{}
}

const (
	targetHeader = "X-Amz-Target"
	ecrTarget    = "AmazonEC2ContainerRegistry_V20150921"
	// CloudWatch has its action in the path in CBOR, and in the target header in JSON.
	alarmTarget = "GraniteServiceVersion20100801"
	alarmPath   = "/service/" + alarmTarget + "/operation/"
)

// identify returns the service and the call. It finds the service by the path, the JSON target, the signature's scope or
// the Query protocol's version, in this order.
func identify(r *http.Request, body []byte) (service string, req request) {
	if action, ok := strings.CutPrefix(r.URL.Path, alarmPath); ok {
		return "monitoring in CBOR", request{action: action, body: body}
	}
	if target := r.Header.Get(targetHeader); target != "" {
		prefix, action, _ := strings.Cut(target, ".")
		if prefix == alarmTarget {
			return "monitoring", request{action: action, body: body}
		}
		if signed := parseScope(r.Header.Get("Authorization")).service; prefix != ecrTarget && signed != "" && signed != "ecr" {
			return signed, request{action: action, body: body}
		}
		if prefix != ecrTarget {
			action = target
		}
		return "ecr", request{action: action, body: body}
	}
	values, err := url.ParseQuery(string(body))
	if err != nil || r.Method == http.MethodGet {
		values = r.URL.Query()
	}
	parameters := form(values)
	req = request{action: parameters.get("Action"), form: parameters}
	switch s := parseScope(r.Header.Get("Authorization")).service; s {
	case "":
	case "monitoring":
		return "monitoring in Query", req
	default:
		return s, req
	}
	if parameters.get("Version") == stsVersion {
		return "sts", req
	}
	return "elasticloadbalancing", req
}

// authorize returns an error if the request has no known access key, or is signed for another region.
func (s *Server) authorize(r *http.Request, svc service) *apiError {
	codes := svc.protocol.codes()
	signed := parseScope(r.Header.Get("Authorization"))
	switch {
	case signed.key == "":
		return &apiError{codes.unsigned, "Request is missing Authentication Token", codes.denied}
	case signed.key != s.opts.AccessKeyID && s.opts.Roles.Find(signed.key) == nil:
		return &apiError{codes.badKey, "The security token included in the request is invalid.", codes.denied}
	case svc.region != "" && signed.region != svc.region:
		return &apiError{codes.badRegion, "Credential should be scoped to a valid region: " + svc.region, codes.denied}
	default:
		return nil
	}
}
