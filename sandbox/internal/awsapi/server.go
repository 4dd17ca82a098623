// Package awsapi is an HTTP endpoint that serves the AWS calls that a deploy needs: STS and ELBv2 in the Query protocol,
// ECR in JSON 1.1, and CloudWatch's alarms in each of its three protocols. The AWS SDK and the aws command work with it
// unchanged. It returns AWS's own errors, also for calls that it does not serve. Faults can be set at run time.
//
// A request must have a known access key; its signature is not verified. The environment's own key is the account's
// administrator. The calls of a role's key are decided by the role's policies before they are served.
package awsapi

import (
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/growl-dev/deploy/internal/iam"
	"github.com/growl-dev/deploy/sandbox/internal/balancer"
	"github.com/growl-dev/deploy/sandbox/internal/registry"
)

// Balancer is the load balancer that ELBv2's calls act on.
type Balancer interface {
	Describe() balancer.LoadBalancer
	Groups() []balancer.Group
	Attributes(group string) (map[string]string, error)
	SetAttributes(group string, changes map[string]string) error
	Register(group string, endpoints ...balancer.Endpoint) error
	Deregister(group string, endpoints ...balancer.Endpoint) error
	Health(group string, endpoints ...balancer.Endpoint) ([]balancer.EndpointHealth, error)
}

// Registry is the image registry that ECR's calls act on.
type Registry interface {
	Account() string
	Created() time.Time
	Issue(owner *iam.Role) (token string, expires time.Time)
	Repositories() []registry.Repository
	Images(repository string) ([]registry.Image, error)
	Image(repository, reference string) (registry.Image, error)
	PutManifest(repository, tag, mediaType string, manifest []byte) (registry.Image, error)
}

// Options configure the endpoint.
type Options struct {
	// AccessKeyID is the administrator's key, with which every call is allowed.
	AccessKeyID string
	// Roles are further keys. Their calls are allowed if the policies of their role allow them. Nil: there are none.
	Roles *iam.Keys
	// Elsewhere serves the calls that this endpoint does not, such as EC2's, after the policies have allowed them. Nil:
	// such a call is refused as unknown.
	Elsewhere http.Handler
	// RegistryURL is the URL of the registry, such as http://127.0.0.1:5000. It is the proxy endpoint of login tokens,
	// and its host is that of repository URIs.
	RegistryURL string
	// RegistryRegion is the region of ECR. Empty means the load balancer's.
	RegistryRegion string
}

// maxBody is the limit of a request in bytes, enough for an escaped manifest of 4 MiB.
const maxBody = 16 << 20

// Server is the endpoint. All methods may be called concurrently.
type Server struct {
	opts     Options
	account  string
	services map[string]service

	mu     sync.Mutex
	faults Faults
	calls  map[string]int
}

// service is one AWS service. The region of a global one is empty.
type service struct {
	protocol protocol
	region   string
	calls    map[string]call
}

// call is one action. The parameters and the result are in the protocol's own form.
type call func(request) (any, error)

// request is a received call.
type request struct {
	action string
	form   form
	body   []byte
	// region is the one that the call is signed for. caller is the role that makes it; nil for the administrator.
	region string
	caller *iam.Role
}

// protocol encodes the responses of a service.
type protocol interface {
	write(w http.ResponseWriter, action string, result any)
	refuse(w http.ResponseWriter, e *apiError)
	// codes returns the protocol's names of errors that every call can return.
	codes() commonCodes
}

// New returns an endpoint in front of a load balancer and a registry.
func New(b Balancer, r Registry, o Options) *Server {
	lb := b.Describe()
	if o.RegistryRegion == "" {
		o.RegistryRegion = lb.Region
	}
	elb := elbService{balancer: b, tags: &tags{of: map[string]map[string]string{}}}
	alarms := &alarmService{region: lb.Region, account: lb.Account}
	ecr := ecrService{registry: r, url: o.RegistryURL, region: o.RegistryRegion}
	s := &Server{
		opts: o, account: lb.Account,
		services: map[string]service{
			"elasticloadbalancing": {query{elbNamespace}, lb.Region, elb.calls()},
			"sts":                  {query{stsNamespace}, "", map[string]call{"GetCallerIdentity": identity(lb.Account)}},
			"monitoring":           {jsonRPC{}, lb.Region, alarms.calls()},
			"monitoring in Query":  {query{alarmNamespace}, lb.Region, alarms.queryCalls()},
			"monitoring in CBOR":   {cborRPC{}, lb.Region, alarms.cborCalls()},
			"ecr":                  {jsonRPC{}, o.RegistryRegion, ecr.calls()},
		},
		calls: map[string]int{},
	}
	if o.Elsewhere != nil {
		maps.Copy(s.services, elsewhere(lb.Region))
	}
	return s
}

// Actions returns the sorted names of the calls that are served.
func (s *Server) Actions() (all []string) {
	for _, svc := range s.services {
		all = slices.AppendSeq(all, maps.Keys(svc.calls))
	}
	slices.Sort(all)
	return all
}

// Calls returns the number of received calls of each action, including the refused ones.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// ServeHTTP serves one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		query{elbNamespace}.refuse(w, &apiError{"RequestEntityTooLarge", "The request is too large", http.StatusRequestEntityTooLarge})
		return
	}
	name, req := identify(r, body)
	signed := parseScope(r.Header.Get("Authorization"))
	req.region, req.caller = signed.region, s.opts.Roles.Find(signed.key)
	svc, known := s.services[name]
	if !known {
		svc = service{protocol: query{elbNamespace}}
	}
	fault := s.authorize(r, svc)
	if fault == nil {
		fault = s.permit(name, req, svc.protocol.codes())
	}
	if fault != nil {
		s.count(req.action)
		svc.protocol.refuse(w, fault)
		return
	}
	if _, served := svc.calls[req.action]; !served && known && s.opts.Elsewhere != nil {
		s.count(req.action)
		s.passOn(w, r, body)
		return
	}
	s.answer(w, svc, req)
}

func (s *Server) answer(w http.ResponseWriter, svc service, req request) {
	if fault := s.strike(req.action, svc.protocol.codes()); fault != nil {
		svc.protocol.refuse(w, fault)
		return
	}
	act, known := svc.calls[req.action]
	if !known {
		act = func(request) (any, error) { return nil, svc.protocol.codes().unknown(req) }
	}
	result, err := act(req)
	if err != nil {
		svc.protocol.refuse(w, asAPIError(err))
		return
	}
	svc.protocol.write(w, req.action, result)
}

func (s *Server) count(action string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[action]++
}

// chance returns true for this share of the calls.
func chance(share float64) bool { return share > 0 && rand.Float64() < share }
