package iam

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Policy is one parsed policy document.
type Policy struct{ statements []statement }

// statement is one statement of a policy. All its parts must match a request.
type statement struct {
	sid        string
	deny       bool
	actions    []string
	resources  []string
	conditions []condition
}

// version is the only supported version of the policy language. The older one has no policy variables and treats them
// as plain text.
const version = "2012-10-17"

// Parse reads a policy document. Anything that this package does not evaluate is an error.
func Parse(document []byte) (Policy, error) {
	p, err := parse(document)
	if err != nil {
		return Policy{}, fmt.Errorf("parse the policy: %w", err)
	}
	return p, nil
}

func parse(document []byte) (Policy, error) {
	fields, err := object(document, "Version", "Statement", "Id")
	if err != nil {
		return Policy{}, err
	}
	var written string
	if err := json.Unmarshal(fields["Version"], &written); err != nil || written != version {
		return Policy{}, fmt.Errorf("the Version is not %q", version)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(fields["Statement"], &list); err != nil {
		list = []json.RawMessage{fields["Statement"]} // a single statement may stand without a list
	}
	if len(list) == 0 {
		return Policy{}, errors.New("there is no Statement")
	}
	var p Policy
	for n, raw := range list {
		s, err := parseStatement(raw)
		if err != nil {
			return Policy{}, fmt.Errorf("statement %d: %w", n, err)
		}
		p.statements = append(p.statements, s)
	}
	return p, nil
}

func parseStatement(raw json.RawMessage) (statement, error) {
	fields, err := object(raw, "Sid", "Effect", "Action", "Resource", "Condition")
	if err != nil {
		return statement{}, err
	}
	var s statement
	if sid, given := fields["Sid"]; given {
		if err := json.Unmarshal(sid, &s.sid); err != nil {
			return statement{}, fmt.Errorf("the Sid is not a string: %w", err)
		}
	}
	if s.deny, err = parseEffect(fields["Effect"]); err != nil {
		return statement{}, err
	}
	if s.actions, err = patterns("Action", fields["Action"], checkAction); err != nil {
		return statement{}, err
	}
	if s.resources, err = patterns("Resource", fields["Resource"], checkResource); err != nil {
		return statement{}, err
	}
	if raw, given := fields["Condition"]; given {
		s.conditions, err = parseConditions(raw)
	}
	return s, err
}

func parseEffect(raw json.RawMessage) (deny bool, err error) {
	var effect string
	if err := json.Unmarshal(raw, &effect); err != nil || effect != "Allow" && effect != "Deny" {
		return false, fmt.Errorf("the Effect %s is neither Allow nor Deny", raw)
	}
	return effect == "Deny", nil
}

// patterns reads an element that is one string or a list of strings.
func patterns(element string, raw json.RawMessage, check func(string) error) ([]string, error) {
	list, err := texts(raw)
	if err != nil {
		return nil, fmt.Errorf("the %s is neither a string nor a list of strings", element)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("there is no %s", element)
	}
	for _, text := range list {
		if strings.Contains(text, "${") {
			return nil, fmt.Errorf("the %s %q contains a policy variable, which is not supported", element, text)
		}
		if err := check(text); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// texts reads one string or a list of strings. A null is neither.
func texts(raw json.RawMessage) ([]string, error) {
	var one *string
	if err := json.Unmarshal(raw, &one); err == nil && one != nil {
		return []string{*one}, nil
	}
	var several []*string
	if err := json.Unmarshal(raw, &several); err != nil {
		return nil, err
	}
	var list []string
	for _, text := range several {
		if text == nil {
			return nil, errors.New("a null")
		}
		list = append(list, *text)
	}
	return list, nil
}

func checkAction(action string) error {
	service, name, ok := strings.Cut(action, ":")
	if action != "*" && (!ok || service == "" || name == "" || strings.ContainsAny(service, "*?")) {
		return fmt.Errorf("the Action %q is not SERVICE:NAME", action)
	}
	return nil
}

func checkResource(resource string) error {
	if resource != "*" && (!strings.HasPrefix(resource, "arn:") || strings.Count(resource, ":") < arnParts-1) {
		return fmt.Errorf("the Resource %q is not an ARN of six parts", resource)
	}
	return nil
}

// object reads a JSON object. It returns an error for a name that is not among the given ones, that is in another case,
// or that occurs twice.
func object(raw []byte, names ...string) (map[string]json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	err := members(raw, func(name string, value json.RawMessage) error {
		if !slices.Contains(names, name) {
			return fmt.Errorf("the element %q is not supported: only %s are", name, strings.Join(names, ", "))
		}
		fields[name] = value
		return nil
	})
	return fields, err
}

// members calls each for every member of a JSON object, in the document's order.
func members(raw []byte, each func(name string, value json.RawMessage) error) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return errors.New("it is not a JSON object")
	}
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // a key of an object is always a string
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("the element %q stands twice", name)
		}
		seen[name] = true
		if err := each(name, value); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// Grant is one action of one statement, the smallest part that can be removed from a policy.
type Grant struct {
	// Statement counts the policy's statements from 0. Sid is its name; it may be empty.
	Statement   int
	Sid, Action string
}

// Grants returns every action of every statement that allows something.
func (p Policy) Grants() []Grant {
	var all []Grant
	for n, s := range p.statements {
		for _, action := range s.actions {
			if !s.deny {
				all = append(all, Grant{n, s.sid, action})
			}
		}
	}
	return all
}

// Without returns the policy without one action of one statement.
func (p Policy) Without(g Grant) Policy {
	statements := slices.Clone(p.statements)
	s := &statements[g.Statement]
	s.actions = slices.DeleteFunc(slices.Clone(s.actions), func(action string) bool { return action == g.Action })
	return Policy{statements}
}
