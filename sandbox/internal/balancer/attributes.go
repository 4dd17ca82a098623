package balancer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrAttribute is wrapped by errors about an unknown attribute or a bad value.
var ErrAttribute = errors.New("invalid target group attribute")

// The attributes of a target group that this load balancer acts on, named and
// preset as ModifyTargetGroupAttributes documents them.
const (
	AttrDelay                = "deregistration_delay.timeout_seconds"
	AttrTerminate            = "deregistration_delay.connection_termination.enabled"
	AttrPreserveClientIP     = "preserve_client_ip.enabled"
	AttrCrossZone            = "load_balancing.cross_zone.enabled"
	AttrUnhealthyTerminate   = "target_health_state.unhealthy.connection_termination.enabled"
	AttrUnhealthyDrainingFor = "target_health_state.unhealthy.draining_interval_seconds"
)

// crossZoneFromBalancer leaves cross-zone balancing to the load balancer's attribute.
const crossZoneFromBalancer = "use_load_balancer_configuration"

// attribute is one row of the table of attributes: its preset and what it may be.
type attribute struct {
	key, preset string
	valid       func(string) bool
}

// attributeTable lists every attribute of a TCP group of instances. Those that
// the model does not act on keep their preset.
func attributeTable() []attribute {
	return []attribute{
		{AttrDelay, "300", seconds(3600)},
		{AttrTerminate, "false", boolean},
		{AttrPreserveClientIP, "true", boolean},
		{AttrCrossZone, crossZoneFromBalancer, func(v string) bool { return boolean(v) || v == crossZoneFromBalancer }},
		{AttrUnhealthyTerminate, "true", boolean},
		{AttrUnhealthyDrainingFor, "0", seconds(360000)},
		{"proxy_protocol_v2.enabled", "false", nil},
		{"stickiness.enabled", "false", nil},
		{"stickiness.type", "source_ip", nil},
		{"target_group_health.dns_failover.minimum_healthy_targets.count", "1", nil},
		{"target_group_health.dns_failover.minimum_healthy_targets.percentage", "off", nil},
		{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1", nil},
		{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off", nil},
	}
}

func boolean(v string) bool { return v == "true" || v == "false" }

func seconds(most int) func(string) bool {
	return func(v string) bool {
		n, err := strconv.Atoi(v)
		return err == nil && n >= 0 && n <= most
	}
}

// attributes are a group's attributes, complete and valid.
type attributes map[string]string

func presetAttributes() attributes {
	preset := attributes{}
	for _, row := range attributeTable() {
		preset[row.key] = row.preset
	}
	return preset
}

// with returns a copy with the changes, or an error that names every bad one.
func (a attributes) with(changes map[string]string) (attributes, error) {
	table := attributeTable()
	var faults []string
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		value := changes[key]
		i := slices.IndexFunc(table, func(row attribute) bool { return row.key == key })
		switch {
		case i < 0:
			faults = append(faults, fmt.Sprintf("unknown key %q", key))
		case table[i].valid == nil && value != table[i].preset:
			faults = append(faults, fmt.Sprintf("%s=%q is not modelled, only %q", key, value, table[i].preset))
		case table[i].valid != nil && !table[i].valid(value):
			faults = append(faults, fmt.Sprintf("%s=%q is not a valid value", key, value))
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrAttribute, strings.Join(faults, "; "))
	}
	changed := maps.Clone(a)
	maps.Copy(changed, changes)
	return changed, nil
}

func (a attributes) on(key string) bool { return a[key] == "true" }

func (a attributes) seconds(key string) time.Duration {
	n, _ := strconv.Atoi(a[key])
	return time.Duration(n) * time.Second
}
