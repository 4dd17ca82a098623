package rollout

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// ParsePolicy reads changes to base from one line of key=value words separated
// by spaces, such as "batch=2 drain.min=30s". Unknown and repeated keys and bad
// values are reported all at once, and so is a policy that makes no sense.
func ParsePolicy(base Policy, line string) (Policy, error) {
	policy := base
	flags := policy.flags()
	seen := map[string]bool{}
	var faults []error
	for word := range strings.FieldsSeq(line) {
		key, value, ok := strings.Cut(word, "=")
		switch {
		case !ok:
			faults = append(faults, fmt.Errorf("%q is not key=value", word))
		case flags.Lookup(key) == nil:
			faults = append(faults, fmt.Errorf("unknown key %q: want one of %s", key, keys(flags)))
		case seen[key]:
			faults = append(faults, fmt.Errorf("%s is given twice", key))
		default:
			if err := flags.Set(key, value); err != nil {
				faults = append(faults, fmt.Errorf("%s=%s: %s", key, value, wanted(flags.Lookup(key), err)))
			}
		}
		seen[key] = true
	}
	if len(faults) == 0 {
		faults = append(faults, policy.Validate())
	}
	if err := errors.Join(faults...); err != nil {
		return base, fmt.Errorf("parse policy %q: %s", line, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return policy, nil
}

// String returns the whole policy, so that [ParsePolicy] can read it.
func (p Policy) String() string {
	var words []string
	p.flags().VisitAll(func(f *flag.Flag) { words = append(words, f.Name+"="+f.Value.String()) })
	return strings.Join(words, " ")
}

// flags binds each key of the policy's one-line form to its field.
func (p *Policy) flags() *flag.FlagSet {
	f := flag.NewFlagSet("policy", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Var(&p.Batch, "batch", "")
	f.DurationVar(&p.Drain.Min, "drain.min", p.Drain.Min, "")
	f.DurationVar(&p.Drain.Max, "drain.max", p.Drain.Max, "")
	f.DurationVar(&p.Drain.Quiet, "drain.quiet", p.Drain.Quiet, "")
	f.DurationVar(&p.Drain.Lag, "drain.lag", p.Drain.Lag, "")
	f.BoolVar(&p.Drain.Fixed, "drain.fixed", p.Drain.Fixed, "")
	f.DurationVar(&p.Prove, "prove", p.Prove, "")
	f.DurationVar(&p.Health, "health", p.Health, "")
	f.DurationVar(&p.Traffic, "traffic", p.Traffic, "")
	f.IntVar(&p.Canary, "canary", p.Canary, "")
	f.DurationVar(&p.Bake, "bake", p.Bake, "")
	f.DurationVar(&p.Pause, "pause", p.Pause, "")
	f.IntVar(&p.Failures, "failures", p.Failures, "")
	f.BoolVar(&p.Rollback, "rollback", p.Rollback, "")
	f.IntVar(&p.Parallel, "parallel", p.Parallel, "")
	f.DurationVar(&p.Poll, "poll", p.Poll, "")
	f.BoolVar(&p.Downtime, "downtime", p.Downtime, "")
	f.BoolVar(&p.ZoneLoss, "zoneloss", p.ZoneLoss, "")
	return f
}

// wanted returns what a key takes, because the errors of package flag do not name it.
func wanted(f *flag.Flag, err error) string {
	getter, ok := f.Value.(flag.Getter)
	if !ok {
		return err.Error()
	}
	switch getter.Get().(type) {
	case time.Duration:
		return "want a duration, such as 60s"
	case bool:
		return "want true or false"
	default:
		return "want a whole number"
	}
}

func keys(flags *flag.FlagSet) string {
	var names []string
	flags.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	return strings.Join(names, ", ")
}
