package probe_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/growl-dev/deploy/probe"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"commit":"abc123"}`))
	}))
	defer server.Close()

	p, err := probe.Start(context.Background(), probe.Options{URL: server.URL, Interval: 10 * time.Millisecond, Timeout: 30 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range time.Tick(10 * time.Millisecond) { // here a release would be rolled out
		if p.Snapshot().Answers["abc123"] > 0 {
			break
		}
	}
	fmt.Println(p.Stop().Failed, "failed")
	// Output: 0 failed
}
