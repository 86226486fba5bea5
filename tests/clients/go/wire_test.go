package clients

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// latency is what a connection's first answer takes on the wire. A pod on the same machine answers before this client
// listens to itself: then it misses its own events, and connects twice or not at all.
const latency = 200 * time.Millisecond

// wire is a cable between clients and a pod, to be cut: neither side gets a word of it from the other.
type wire struct {
	url  string
	pod  string
	lock sync.Mutex
	cut  bool
	ends map[net.Conn]bool
}

func newWire(t testing.TB, to string) *wire {
	t.Helper()
	pod, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{url: "http://" + listener.Addr().String(), pod: pod.Host, ends: map[net.Conn]bool{}}
	t.Cleanup(func() {
		_ = listener.Close()
		w.setCut(true)
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go w.forward(client)
		}
	}()
	return w
}

// setCut breaks every connection and those to come, or forwards again.
func (w *wire) setCut(cut bool) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.cut = cut
	if cut {
		for end := range w.ends {
			_ = end.Close()
		}
		clear(w.ends)
	}
}

func (w *wire) forward(client net.Conn) {
	defer func() { _ = client.Close() }()
	pod, err := net.Dial("tcp", w.pod)
	if err != nil {
		return
	}
	defer func() { _ = pod.Close() }()
	w.lock.Lock()
	isCut := w.cut
	if !isCut {
		w.ends[client], w.ends[pod] = true, true
	}
	w.lock.Unlock()
	if isCut {
		return
	}
	go func() {
		_, _ = io.Copy(&late{Writer: client}, pod)
		_ = client.Close()
	}()
	_, _ = io.Copy(pod, client)
}

// late takes what is written to it first after the latency has passed.
type late struct {
	io.Writer
	once sync.Once
}

func (l *late) Write(bytes []byte) (int, error) {
	l.once.Do(func() { time.Sleep(latency) })
	return l.Writer.Write(bytes)
}
