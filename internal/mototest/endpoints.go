package mototest

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// front implements the calls for EC2 Instance Connect endpoints, which moto 5 lacks, and forwards everything else. It
// corrects two of moto's responses, because otherwise each plan would contain a change.
type front struct {
	next http.Handler
	mu   sync.Mutex
	made []url.Values
	// descriptions are the descriptions of rules that name a security group, by the rule's ID.
	descriptions map[string]string
}

func (e *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	form, _ := url.ParseQuery(string(body))
	e.mu.Lock()
	defer e.mu.Unlock()
	switch action := form.Get("Action"); action {
	case "CreateInstanceConnectEndpoint":
		e.made = append(e.made, form)
		answer(w, action, "<instanceConnectEndpoint>"+describe(len(e.made), form)+"</instanceConnectEndpoint>")
	case "DescribeInstanceConnectEndpoints":
		items := ""
		for n, made := range e.made {
			if id := form.Get("InstanceConnectEndpointId.1"); id == "" || id == endpointID(n+1) {
				items += "<item>" + describe(n+1, made) + "</item>"
			}
		}
		answer(w, action, "<instanceConnectEndpointSet>"+items+"</instanceConnectEndpointSet>")
	case "DeleteInstanceConnectEndpoint":
		e.made = nil
		answer(w, action, "<instanceConnectEndpoint><state>delete-in-progress</state></instanceConnectEndpoint>")
	default:
		e.mu.Unlock()
		defer e.mu.Lock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		e.pass(w, r, form)
	}
}

func endpointID(n int) string { return fmt.Sprintf("eice-%017x", n) }

func describe(n int, made url.Values) string {
	tags := ""
	for i := 1; made.Has(fmt.Sprintf("TagSpecification.1.Tag.%d.Key", i)); i++ {
		tag := fmt.Sprintf("TagSpecification.1.Tag.%d.", i)
		tags += fmt.Sprintf("<item><key>%s</key><value>%s</value></item>", html.EscapeString(made.Get(tag+"Key")), html.EscapeString(made.Get(tag+"Value")))
	}
	return fmt.Sprintf("<instanceConnectEndpointId>%s</instanceConnectEndpointId><state>create-complete</state><subnetId>%s</subnetId><ownerId>123456789012</ownerId>"+
		"<preserveClientIp>false</preserveClientIp><securityGroupIdSet><item>%s</item></securityGroupIdSet><tagSet>%s</tagSet>",
		endpointID(n), html.EscapeString(made.Get("SubnetId")), html.EscapeString(made.Get("SecurityGroupId.1")), tags)
}

func answer(w http.ResponseWriter, action, inner string) {
	w.Header().Set("Content-Type", "text/xml")
	_, _ = fmt.Fprintf(w, "<%[1]sResponse>%[2]s</%[1]sResponse>", action, inner)
}
