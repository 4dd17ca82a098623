package iam

import (
	"slices"
	"strings"
)

// arnParts are the parts of an ARN between its colons; the last one may contain colons.
const arnParts = 6

// matches reports whether the statement is about the request.
func (s statement) matches(r Request) bool {
	return slices.ContainsFunc(s.actions, func(pattern string) bool { return wildcard(strings.ToLower(pattern), strings.ToLower(r.Action)) }) &&
		slices.ContainsFunc(s.resources, func(pattern string) bool { return resource(pattern, r.Resource) }) &&
		!slices.ContainsFunc(s.conditions, func(c condition) bool { return !c.holds(r.Context) })
}

// resource matches ARNs part by part: a wildcard does not extend over the colon that ends its part, except in the last
// part. The resource "*" of actions without one is matched only by "*".
func resource(pattern, arn string) bool {
	if pattern == "*" {
		return true
	}
	patterns, parts := strings.SplitN(pattern, ":", arnParts), strings.SplitN(arn, ":", arnParts)
	if len(patterns) != len(parts) {
		return false
	}
	for n := range parts {
		if !wildcard(patterns[n], parts[n]) {
			return false
		}
	}
	return true
}

// wildcard matches a whole text: * stands for any run of characters, ? for exactly one.
func wildcard(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(string(p[i:]), "*") == ""
}
