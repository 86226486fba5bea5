package clients

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// podURL is the address of the pod to test by the transports of way.
//
// This client sends nothing while it polls, and a poll ends, when nothing else comes, with the next ping. By polling
// alone it therefore gets a pod that pings often; it needs that anywhere.
func podURL(t testing.TB, way string) string {
	t.Helper()
	if way == "polling" {
		return startPod(t, "SOCKET_IO_PING_INTERVAL=100")
	}
	url := os.Getenv("CHAT_URL")
	if url == "" {
		t.Fatal("CHAT_URL names no pod: run this with tests/clients/run go")
	}
	return url
}

func startPod(t testing.TB, settings ...string) string {
	t.Helper()
	pod := exec.Command(os.Getenv("CHAT_BINARY"))
	pod.Env = append(append(os.Environ(), "HOST=127.0.0.1", "PORT=0", "LOG_FORMAT=json"), settings...)
	log, err := pod.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := pod.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = pod.Process.Kill()
		_ = pod.Wait()
	})
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Message, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "listening" {
			go func() {
				for lines.Scan() {
				}
			}()
			return "http://" + line.Address
		}
	}
	t.Fatal("the pod ended before it listened")
	return ""
}
