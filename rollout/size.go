package rollout

import (
	"fmt"
	"strconv"
	"strings"
)

// Size is a number of instances, or a share of the fleet. Exactly one is set.
type Size struct {
	Count   int
	Percent int
}

// Of returns how many of n instances the size means: at least one.
func (s Size) Of(n int) int {
	if s.Percent > 0 {
		return max(1, n*s.Percent/100)
	}
	return max(1, s.Count)
}

// String returns "2" or "25%".
func (s Size) String() string {
	if s.Percent > 0 {
		return strconv.Itoa(s.Percent) + "%"
	}
	return strconv.Itoa(s.Count)
}

// Set parses "2" or "25%".
func (s *Size) Set(text string) error {
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return fmt.Errorf("want a count such as 2 or a share such as 25%%")
	}
	size := Size{Count: n}
	if percent {
		size = Size{Percent: n}
	}
	if err := size.validate(); err != nil {
		return err
	}
	*s = size
	return nil
}

func (s Size) validate() error {
	switch {
	case s.Count != 0 && s.Percent != 0:
		return fmt.Errorf("batch is both %d and %d%%: want one of them", s.Count, s.Percent)
	case s.Percent < 0 || s.Percent > 100:
		return fmt.Errorf("batch=%d%% is not between 1%% and 100%%", s.Percent)
	case s.Percent == 0 && s.Count < 1:
		return fmt.Errorf("batch=%d must be at least 1", s.Count)
	}
	return nil
}
