package iam

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// condition is one operator on one key. It holds if any of the values matches; if the operator is negated, if none does.
type condition struct {
	key      string // in lower case, because keys are compared so
	values   []string
	matches  func(value, actual string) bool
	negated  bool
	ifExists bool
	// presence makes the values true or false: whether a request lacks the key.
	presence bool
}

// kind is the type of the values of a condition key.
type kind string

const (
	text    kind = "string"
	number  kind = "number"
	boolean kind = "bool"
	address kind = "address"
)

// operators are the condition operators that are evaluated.
var operators = map[string]struct {
	of      kind
	negated bool
	matches func(value, actual string) bool
}{
	"StringEquals":     {text, false, equal},
	"StringNotEquals":  {text, true, equal},
	"StringLike":       {text, false, wildcard},
	"StringNotLike":    {text, true, wildcard},
	"NumericEquals":    {number, false, sameNumber},
	"NumericNotEquals": {number, true, sameNumber},
	"Bool":             {boolean, false, strings.EqualFold},
	"IpAddress":        {address, false, inRange},
	"NotIpAddress":     {address, true, inRange},
	presence:           {boolean, false, strings.EqualFold},
}

// presence is the operator that checks whether a request lacks a key, whatever the type of its values.
const presence = "Null"

// conditionKeys are the keys that the maker of a [Request] can fill in.
var conditionKeys = map[string]kind{
	RequestedRegion:                         text,
	S3Prefix:                                text,
	S3IfNoneMatch:                           text,
	"ec2-instance-connect:remoteport":       number,
	"ec2-instance-connect:privateipaddress": address,
}

// The condition keys that requests to the sandbox have, in lower case.
const (
	RequestedRegion = "aws:requestedregion"
	S3Prefix        = "s3:prefix"
	S3IfNoneMatch   = "s3:if-none-match"
)

func parseConditions(raw json.RawMessage) ([]condition, error) {
	var all []condition
	err := members(raw, func(operator string, keys json.RawMessage) error {
		return members(keys, func(key string, values json.RawMessage) error {
			c, err := parseCondition(operator, key, values)
			all = append(all, c)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("the Condition: %w", err)
	}
	return all, nil
}

func parseCondition(operator, key string, raw json.RawMessage) (condition, error) {
	name, ifExists := strings.CutSuffix(operator, "IfExists")
	known, ok := operators[name]
	if !ok || name == presence && ifExists {
		return condition{}, fmt.Errorf("the operator %q is not supported", operator)
	}
	c := condition{key: strings.ToLower(key), matches: known.matches, negated: known.negated, ifExists: ifExists, presence: name == presence}
	of, ok := conditionKeys[c.key]
	if !ok {
		return condition{}, fmt.Errorf("the key %q is not supported: nothing that decides by this policy can fill it in", key)
	}
	if c.presence {
		of = known.of
	}
	if of != known.of {
		return condition{}, fmt.Errorf("%s on %s compares a %s with a %s", operator, key, of, known.of)
	}
	values, err := patterns("value of "+key, scalars(raw), func(value string) error { return checkValue(of, value) })
	c.values = values
	return c, err
}

// scalars writes numbers and truth values as strings, because a policy may contain them as either.
func scalars(raw json.RawMessage) json.RawMessage {
	var list []any
	if json.Unmarshal(raw, &list) != nil {
		var one any
		if json.Unmarshal(raw, &one) != nil {
			return raw
		}
		list = []any{one}
	}
	for n, value := range list {
		switch value.(type) {
		case float64, bool:
			list[n] = fmt.Sprint(value)
		}
	}
	written, err := json.Marshal(list)
	if err != nil {
		return raw
	}
	return written
}

// checkValue returns an error for a value that can match nothing, such as a malformed range.
func checkValue(of kind, value string) error {
	var err error
	switch of {
	case number:
		_, err = strconv.ParseFloat(value, 64)
	case boolean:
		_, err = strconv.ParseBool(value)
	case address:
		_, err = prefix(value)
	}
	if err != nil {
		return fmt.Errorf("the value %q is not a %s", value, of)
	}
	return nil
}

// holds reports whether a request's context meets the condition. A key that the request does not have fails a plain
// operator and passes a negated one.
func (c condition) holds(context map[string]string) bool {
	actual, present := context[c.key]
	if c.presence {
		actual, present = strconv.FormatBool(!present), true
	}
	if !present {
		return c.negated || c.ifExists
	}
	any := slices.ContainsFunc(c.values, func(value string) bool { return c.matches(value, actual) })
	return any != c.negated
}

func equal(value, actual string) bool { return value == actual }

func sameNumber(value, actual string) bool {
	a, wrong := strconv.ParseFloat(value, 64)
	b, bad := strconv.ParseFloat(actual, 64)
	return wrong == nil && bad == nil && a == b
}

func inRange(value, actual string) bool {
	within, wrong := prefix(value)
	at, bad := netip.ParseAddr(actual)
	return wrong == nil && bad == nil && within.Contains(at)
}

// prefix reads a range of addresses; a single address is a range of one.
func prefix(text string) (netip.Prefix, error) {
	if at, err := netip.ParseAddr(text); err == nil {
		return at.Prefix(at.BitLen())
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}
