package ec2test

import (
	"fmt"
	"net/url"
	"sync"
)

// EC2 holds the instances of an account. The zero value has none. Its methods may be called concurrently.
type EC2 struct {
	// Boot completes a requested instance with the values that AWS chooses, above all the ID. Nil: IDs are counted, in
	// the zone us-west-1a.
	Boot func(asked Instance) Instance

	mu        sync.Mutex
	instances []*Instance
}

// Instance holds the attributes of an instance that the provider reads.
type Instance struct {
	ID, Type string
	// Zone is the availability zone, PrivateDNS the name inside the VPC.
	Zone, PrivateDNS string
	// UserData is in base64, as it was sent.
	UserData string
	Tags     map[string]string
	// Terminated stays set once it is.
	Terminated bool
}

// Instances returns all instances that were ever launched, in order.
func (e *EC2) Instances() []Instance {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]Instance, 0, len(e.instances))
	for _, i := range e.instances {
		all = append(all, *i)
	}
	return all
}

// Answer returns the XML response to a call of the Query protocol; ok is false for a call that is not EC2's or not
// implemented.
func (e *EC2) Answer(form url.Values) (body string, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	action := form.Get("Action")
	inner, ok := e.answer(action, form)
	return fmt.Sprintf("<%[1]sResponse>%[2]s</%[1]sResponse>", action, inner), ok
}

func (e *EC2) answer(action string, form url.Values) (string, bool) {
	i := e.find(form.Get("InstanceId") + form.Get("InstanceId.1"))
	switch action {
	case "RunInstances":
		return reservation(e.launch(form)), true
	case "DescribeInstances":
		return "<reservationSet><item>" + reservation(i) + "</item></reservationSet>", true
	case "TerminateInstances":
		i.Terminated = true
		return "<instancesSet/>", true
	case "DescribeInstanceAttribute":
		return i.attribute(form.Get("Attribute")), true
	case "DescribeInstanceTypes":
		return "<instanceTypeSet><item><instanceType>m5.large</instanceType><burstablePerformanceSupported>false</burstablePerformanceSupported></item></instanceTypeSet>", true
	case "DescribeVolumes":
		return "<volumeSet/>", true
	case "DescribeTags":
		return "<tagSet/>", true
	case "CreateTags":
		e.find(form.Get("ResourceId.1")).tag(form, "")
		return "<return>true</return>", true
	case "ModifyInstanceAttribute", "DeleteTags":
		return "<return>true</return>", true
	}
	return "", false
}

// find returns the instance with an ID. It returns a terminated one if there is none.
func (e *EC2) find(id string) *Instance {
	for _, i := range e.instances {
		if i.ID == id {
			return i
		}
	}
	return &Instance{Terminated: true, Tags: map[string]string{}}
}

func (e *EC2) launch(form url.Values) *Instance {
	asked := Instance{
		ID: fmt.Sprintf("i-%017d", len(e.instances)+1), Zone: "us-west-1a", PrivateDNS: "10.0.0.1",
		Type: form.Get("InstanceType"), UserData: form.Get("UserData"), Tags: map[string]string{},
	}
	asked.tag(form, "TagSpecification.1.")
	if e.Boot != nil {
		asked = e.Boot(asked)
	}
	e.instances = append(e.instances, &asked)
	return &asked
}
