package infra

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-exec/tfexec"
	tfjson "github.com/hashicorp/terraform-json"
)

// ErrTogether is the error of an apply that would take more than one instance of a target group out of service at once.
var ErrTogether = errors.New("the apply would take instances of one target group out of service together")

// ErrGroupReplaced is the error of a plan that replaces a target group.
var ErrGroupReplaced = errors.New("the apply would replace a target group, which takes all its instances out of service")

// Apply applies the plan and waits for Terraform to end. If the context ends, Terraform is interrupted and finishes the
// resources that it has begun. A plan that stops or replaces more than one instance of a target group is refused with
// ErrTogether, because Terraform would take them all down at once; [Environment.OneByOne] replaces them in turn.
func (p *Plan) Apply(ctx context.Context) error {
	if err := p.Allowed(); err != nil {
		return err
	}
	return p.apply(ctx)
}

// Allowed returns the error with which Apply refuses the plan, or nil.
func (p *Plan) Allowed() error {
	if err := p.AllowedInTurn(); err != nil {
		return err
	}
	if group, ids := p.together(); len(ids) > 0 {
		return fmt.Errorf("apply %s: %w: %s of %s: go tool mage infra:apply %[1]s -oneByOne rolls them in turn", p.environment.name, ErrTogether, strings.Join(ids, ", "), group)
	}
	return nil
}

// AllowedInTurn returns the error with which [Environment.OneByOne] refuses the plan before it replaces an instance, or
// nil. It refuses to replace a target group, because AWS does not delete one that a listener uses, so that the first
// instance would stay out of service.
func (p *Plan) AllowedInTurn() error {
	if at := slices.IndexFunc(p.Changes, Change.replacesGroup); at >= 0 {
		return fmt.Errorf("apply %s: %w: %s: set the attribute back, or tear the environment down and make it anew", p.environment.name, ErrGroupReplaced, p.Changes[at])
	}
	return nil
}

// together returns the instances of one target group that an apply would take out of service at once, or none if it
// takes at most one.
func (p *Plan) together() (group string, ids []string) {
	groups := p.takenByGroup()
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		if len(groups[group]) > 1 {
			return group, groups[group]
		}
	}
	return "", nil
}

func (p *Plan) apply(ctx context.Context) error {
	if !slices.ContainsFunc(p.Changes, Change.settled) {
		return nil
	}
	if err := p.environment.loud.Apply(ctx, tfexec.DirOrPlan(p.file())); err != nil {
		return p.environment.failed("apply", err)
	}
	return nil
}

// Unsettled returns the changes that remain after the plan is applied.
func (p *Plan) Unsettled() []Change {
	return slices.DeleteFunc(slices.Clone(p.Changes), Change.settled)
}

// Taken is an instance that an apply takes out of service, because it stops it, replaces it, or removes it from a
// target group.
type Taken struct {
	// ID is the EC2 instance ID before the apply.
	ID string
	// Address is the address of the instance in the configuration. It is empty if only attachments are changed and the
	// instance is managed elsewhere.
	Address string
	// Attachments are the addresses of its registrations.
	Attachments []string
}

// Taken returns the instances that applying the plan takes out of service, in the order of their addresses.
func (p *Plan) Taken() []Taken {
	var all []Taken
	for _, id := range p.takenIDs() {
		taken := Taken{ID: id}
		for _, row := range p.rows() {
			switch before := object(row.Change.Before); {
			case row.Type == typeInstance && before["id"] == id:
				taken.Address = row.Address
			case row.Type == typeAttachment && before["target_id"] == id:
				taken.Attachments = append(taken.Attachments, row.Address)
			}
		}
		all = append(all, taken)
	}
	slices.SortFunc(all, func(a, b Taken) int { return strings.Compare(a.Address+a.ID, b.Address+b.ID) })
	return all
}

// rows returns the managed resources of the plan, including those that do not change.
func (p *Plan) rows() []*tfjson.ResourceChange {
	if p.json == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.json.ResourceChanges), func(row *tfjson.ResourceChange) bool {
		return row == nil || row.Mode != tfjson.ManagedResourceMode || row.Change == nil || row.Change.Before == nil
	})
}

func (p *Plan) takenIDs() []string {
	var ids []string
	for _, row := range p.rows() {
		if id := takes(row); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// takenByGroup returns the taken instances of each target group, by its ARN.
func (p *Plan) takenByGroup() map[string][]string {
	taken := p.takenIDs()
	groups := map[string][]string{}
	for _, row := range p.rows() {
		before := object(row.Change.Before)
		id, _ := before["target_id"].(string)
		group, _ := before["target_group_arn"].(string)
		if row.Type == typeAttachment && slices.Contains(taken, id) && !slices.Contains(groups[group], id) {
			groups[group] = append(groups[group], id)
		}
	}
	return groups
}

// takes returns the ID of the instance that a row takes out of service, or "" if it takes none.
func takes(row *tfjson.ResourceChange) string {
	action, changes := actionOf(row)
	before := object(row.Change.Before)
	switch {
	case !changes || action == Create || action == Forget:
		return ""
	case row.Type == typeAttachment:
		id, _ := before["target_id"].(string)
		return id
	case row.Type == typeInstance && (action != Update || stops(row.Change)):
		id, _ := before["id"].(string)
		return id
	default:
		return ""
	}
}

// online lists the attributes of an instance that AWS can change while it runs. A change of any other attribute counts
// as a stop, as it is for user data and the instance type.
var online = []string{
	"credit_specification", "disable_api_stop", "disable_api_termination", "iam_instance_profile",
	"instance_initiated_shutdown_behavior", "maintenance_options", "metadata_options", "monitoring",
	"private_dns_name_options", "root_block_device", "source_dest_check", "user_data_replace_on_change",
	"volume_tags", "tags", "tags_all", "vpc_security_group_ids",
}

func stops(change *tfjson.Change) bool {
	return slices.ContainsFunc(differing(change), func(name string) bool {
		first, _, _ := strings.Cut(name, ".")
		return !slices.Contains(online, first)
	})
}
