package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Claim records the service and environment that a target group belongs to. It is written once, and no program changes or
// removes it.
type Claim struct {
	Service     string `json:"service"`
	Environment string `json:"environment"`
	// TargetGroup is its ARN.
	TargetGroup string `json:"target_group"`
	// Holder wrote the claim, and At is the time of that by the clock of its machine.
	Holder Holder    `json:"holder"`
	At     time.Time `json:"at"`
	// Object is the claim's full name: s3://bucket/prefix/claims/….
	Object string `json:"-"`
}

// claimVersion is the version of a claim's form.
const claimVersion = 1

// claimObject is a claim as it is stored.
type claimObject struct {
	Format int `json:"version"`
	Claim
}

// Claim claims target groups, which are given by their ARNs, for this service and environment. It writes a claim for each one
// that has none. If one belongs to another service or environment, it writes nothing and returns a *[ClaimError]. Call it
// while the lease is held and before a target group is changed. It sees claims in the same store only.
func (l *Ledger) Claim(ctx context.Context, groups []string, by Holder) error {
	open, _, err := l.unclaimed(ctx, groups)
	if err != nil {
		return err
	}
	for _, group := range open {
		if err := l.claim(ctx, group, by.clean().forPeople()); err != nil {
			return l.claimFailed(group, err)
		}
	}
	return nil
}

// CheckClaims returns the error that Claim would return because a target group belongs to another service or
// environment, or because a claim cannot be read. It writes nothing.
func (l *Ledger) CheckClaims(ctx context.Context, groups []string) error {
	_, hidden, err := l.unclaimed(ctx, groups)
	return cmp.Or(err, hidden)
}

// unclaimed returns the groups that have no claim. It also returns those for which the store hides whether they have one,
// with the error for the first of these.
func (b *book) unclaimed(ctx context.Context, groups []string) (open []string, hidden, err error) {
	refused := &ClaimError{Service: b.key.service, Environment: b.key.environment}
	for _, group := range groups {
		claim, err := b.readClaim(ctx, group)
		switch {
		case errors.Is(err, ErrHidden):
			hidden = cmp.Or(hidden, b.claimFailed(group, err))
			open = append(open, group)
		case errors.Is(err, ErrNotFound):
			open = append(open, group)
		case err != nil:
			return nil, nil, b.claimFailed(group, err)
		case !b.owns(claim):
			refused.Claims = append(refused.Claims, claim)
		}
	}
	if len(refused.Claims) > 0 {
		return nil, nil, refused
	}
	return open, hidden, nil
}

// claim writes the claim of a group and reads it back, because another run may have written it first, or the response may
// have been lost.
func (b *book) claim(ctx context.Context, group string, by Holder) error {
	key, err := claimKey(group)
	if err != nil {
		return err
	}
	data, err := json.Marshal(claimObject{Format: claimVersion, Claim: Claim{
		Service: b.key.service, Environment: b.key.environment, TargetGroup: group, Holder: by, At: time.Now().UTC(),
	}})
	if err != nil {
		return err
	}
	err = b.patiently(ctx, func(ctx context.Context) error { return b.create(ctx, key, data) })
	if err != nil && !errors.Is(err, ErrConflict) {
		return fmt.Errorf("write %s: %w", b.name(key), err)
	}
	claim, err := b.readClaim(ctx, group)
	if err == nil && !b.owns(claim) {
		return &ClaimError{Service: b.key.service, Environment: b.key.environment, Claims: []Claim{claim}}
	}
	return err
}

func (b *book) owns(c Claim) bool { return key{c.Service, c.Environment} == b.key }

// claimFailed adds what was tried to an error, and the permissions that it needs if one is missing.
func (b *book) claimFailed(group string, err error) error {
	if errors.Is(err, ErrClaimed) {
		return err
	}
	err = fmt.Errorf("claim target group %s for %s: %w", group, b.key, err)
	if errors.Is(err, ErrDenied) {
		err = fmt.Errorf("%w: a claim needs s3:GetObject and s3:PutObject on %s/*", err, b.name(claimsFolder))
	}
	return err
}

// readClaim reads the claim of a group. If the store hides whether there is one, a list of that object decides.
func (b *book) readClaim(ctx context.Context, group string) (Claim, error) {
	key, err := claimKey(group)
	if err != nil {
		return Claim{}, err
	}
	object, err := b.get(ctx, key)
	if errors.Is(err, ErrHidden) {
		if infos, unlisted := b.list(ctx, key); unlisted == nil && len(infos) == 0 {
			return Claim{}, fmt.Errorf("read %s: %w", b.name(key), ErrNotFound)
		}
	}
	if err != nil {
		return Claim{}, err
	}
	claim, err := decodeClaim(object.Data, group)
	if err != nil {
		return Claim{}, &FormatError{Object: b.name(key), Reason: err}
	}
	claim.Object = b.name(key)
	return claim, nil
}

// decodeClaim decodes a claim as strictly as a lease, because a claim that is not understood may be another service's.
func decodeClaim(data []byte, group string) (Claim, error) {
	var found claimObject
	if err := checkVersion(data, claimVersion); err != nil {
		return Claim{}, err
	}
	if err := decodeStrictly(data, &found); err != nil {
		return Claim{}, err
	}
	if found.TargetGroup != group {
		return Claim{}, fmt.Errorf("it is of target group %q", found.TargetGroup)
	}
	return found.Claim, errors.Join(checkName("service", found.Service), checkName("environment", found.Environment))
}

var groupARN = regexp.MustCompile(`^arn:aws[a-z-]*:elasticloadbalancing:([a-z0-9-]{1,32}):([0-9]{12}):targetgroup/([A-Za-z0-9-]{1,32})/([A-Za-z0-9]{1,32})$`)

// claimKey returns the name of the object with a target group's claim: claims/REGION.ACCOUNT.NAME.ID. None of these has a
// dot.
func claimKey(group string) (string, error) {
	m := groupARN.FindStringSubmatch(group)
	if m == nil {
		return "", fmt.Errorf("%q is not arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID", group)
	}
	return fmt.Sprintf("%s/%s.%s.%s.%s", claimsFolder, m[1], m[2], m[3], m[4]), nil
}
