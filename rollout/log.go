package rollout

// logLines returns the last lines of the containers' logs that err holds: those of
// every error in its tree that has a method LogLines() []string. A [Host] returns log
// lines in this way only, and never in an error's text, so that they do not reach the
// journal and the history.
func logLines(err error) []string {
	if err == nil {
		return nil
	}
	var lines []string
	if logged, ok := err.(interface{ LogLines() []string }); ok {
		lines = append(lines, logged.LogLines()...)
	}
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		lines = append(lines, logLines(err.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, one := range err.Unwrap() {
			lines = append(lines, logLines(one)...)
		}
	}
	return lines
}
