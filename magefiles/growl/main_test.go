package growl_test

import (
	"os"
	"testing"

	"github.com/growl-dev/deploy/internal/magetest"
)

func TestMain(m *testing.M) { os.Exit(magetest.Main(m)) }
