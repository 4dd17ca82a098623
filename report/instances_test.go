package report_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/report"
)

// A service that has no env file is not shown as one whose env file could not be read.
func TestInstancesSayWhetherThereIsAnEnvFile(t *testing.T) {
	for want, status := range map[string]report.InstanceStatus{
		"none":                          {},
		"unknown":                       {Err: errors.New("env file unusable")},
		"sealed":                        {EnvSeal: "abc"},
		"NOT the sealed one (otherwise": {EnvSeal: "otherwise"},
	} {
		var out strings.Builder
		require.NoError(t, report.Instances(&out, []report.InstanceStatus{status}, "abc"))
		heading, row, _ := strings.Cut(out.String(), "\n")
		assert.True(t, strings.HasPrefix(row[strings.Index(heading, "ENV FILE"):], want), "%s: %s", want, row)
	}
}
