package clients

import (
	"fmt"
	"testing"
)

// attempts is how often a test is tried. This client now and then sends CONNECT twice, upon which a server closes the
// connection, or stops without a word; a pod that is at fault fails every attempt.
const attempts = 4

// trial is one attempt: it ends at the first failure, without failing the test.
type trial struct {
	testing.TB
	cleanups []func()
}

type failure struct{ words string }

func (t *trial) Fatal(arguments ...any) { panic(failure{fmt.Sprint(arguments...)}) }

func (t *trial) Fatalf(format string, arguments ...any) {
	panic(failure{fmt.Sprintf(format, arguments...)})
}

func (t *trial) Cleanup(cleanup func()) { t.cleanups = append(t.cleanups, cleanup) }

// inEachWay runs the test by each transport, until an attempt succeeds.
func inEachWay(t *testing.T, test func(t testing.TB, way string)) {
	for _, way := range []string{"polling", "websocket", "upgrade"} {
		t.Run(way, func(t *testing.T) {
			for attempt := 1; ; attempt++ {
				words, failed := try(t, way, test)
				if !failed {
					return
				}
				t.Logf("attempt %d of %d: %s", attempt, attempts, words)
				if attempt == attempts {
					t.Fatal("no attempt succeeded")
				}
			}
		})
	}
}

func try(t *testing.T, way string, test func(t testing.TB, way string)) (words string, failed bool) {
	attempt := &trial{TB: t}
	defer func() {
		for _, cleanup := range attempt.cleanups {
			cleanup()
		}
		if reason := recover(); reason != nil {
			failure, ok := reason.(failure)
			if !ok {
				panic(reason)
			}
			words, failed = failure.words, true
		}
	}()
	test(attempt, way)
	return "", false
}
