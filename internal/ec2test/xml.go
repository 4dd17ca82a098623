package ec2test

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
)

// tag sets tags from a form's fields, whose names begin with prefix.
func (i *Instance) tag(form url.Values, prefix string) {
	for n := 1; form.Has(fmt.Sprintf("%sTag.%d.Key", prefix, n)); n++ {
		i.Tags[form.Get(fmt.Sprintf("%sTag.%d.Key", prefix, n))] = form.Get(fmt.Sprintf("%sTag.%d.Value", prefix, n))
	}
}

func reservation(i *Instance) string {
	return "<reservationId>r-1</reservationId><instancesSet>" + i.xml() + "</instancesSet>"
}

func (i *Instance) xml() string {
	code, state := 16, "running"
	if i.Terminated {
		code, state = 48, "terminated"
	}
	var tags strings.Builder
	for key, value := range i.Tags {
		fmt.Fprintf(&tags, "<item><key>%s</key><value>%s</value></item>", escaped(key), escaped(value))
	}
	return fmt.Sprintf(`<item><instanceId>%s</instanceId><imageId>ami-0aaaaaaaaaaaaaaaa</imageId><instanceState><code>%d</code><name>%s</name></instanceState>
<instanceType>%s</instanceType><placement><availabilityZone>%s</availabilityZone><tenancy>default</tenancy></placement><monitoring><state>disabled</state></monitoring>
<privateDnsName>%[6]s</privateDnsName><privateIpAddress>10.0.0.1</privateIpAddress><sourceDestCheck>true</sourceDestCheck><rootDeviceName>/dev/xvda</rootDeviceName><tagSet>%[7]s</tagSet></item>`,
		i.ID, code, state, escaped(i.Type), i.Zone, escaped(i.PrivateDNS), tags.String())
}

func (i *Instance) attribute(name string) string {
	value := fmt.Sprintf("<%[1]s><value>false</value></%[1]s>", name)
	switch name {
	case "userData":
		value = "<userData><value>" + i.UserData + "</value></userData>"
	case "instanceInitiatedShutdownBehavior":
		value = "<instanceInitiatedShutdownBehavior><value>stop</value></instanceInitiatedShutdownBehavior>"
	}
	return "<instanceId>" + i.ID + "</instanceId>" + value
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
