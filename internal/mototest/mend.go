package mototest

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
)

var (
	// interfaceGroups matches the security groups of an instance's network interface, and the instance's own, which
	// moto leaves empty.
	interfaceGroups = regexp.MustCompile(`(?s)(<groupSet>\s*<item>.*?</groupSet>)(\s*<ipv6AddressesSet.*?)<groupSet\s*/>(\s*<sourceDestCheck>)`)
	ruleID          = regexp.MustCompile(`<securityGroupRuleId>(sgr-[0-9a-f]+)</securityGroupRuleId>`)
)

// pass forwards a request to moto, and corrects the response.
func (e *front) pass(w http.ResponseWriter, r *http.Request, form url.Values) {
	answered := httptest.NewRecorder()
	e.next.ServeHTTP(answered, r)
	for name, values := range answered.Header() {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(answered.Code)
	_, _ = w.Write(e.mend(form, answered.Body.Bytes()))
}

// mend copies the groups of an instance's network interface to the instance, and adds the descriptions of rules that
// name a security group, as in EC2's responses.
func (e *front) mend(form url.Values, body []byte) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch form.Get("Action") {
	case "DescribeInstances":
		return interfaceGroups.ReplaceAll(body, []byte("$1$2$1$3"))
	case "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress":
		id, text := ruleID.FindSubmatch(body), form.Get("IpPermissions.1.Groups.1.Description")
		if id != nil && text != "" {
			e.descriptions[string(id[1])] = text
		}
	case "DescribeSecurityGroupRules":
		return ruleID.ReplaceAllFunc(body, func(element []byte) []byte {
			text, ok := e.descriptions[string(ruleID.FindSubmatch(element)[1])]
			if !ok {
				return element
			}
			return append(element[:len(element):len(element)], "<description>"+html.EscapeString(text)+"</description>"...)
		})
	}
	return body
}
