package clients

import (
	"sync"
	"testing"
	"time"

	"github.com/zishang520/socket.io/clients/engine/v3/transports"
	"github.com/zishang520/socket.io/clients/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// patience is how long a test waits for what must come: far longer than it takes.
const patience = 10 * time.Second

// body is the object that an event or an acknowledgement carries.
type body = map[string]any

// person is one person on the stock client: it keeps what comes in and waits for what a test expects.
type person struct {
	t      testing.TB
	socket *socket.Socket
	lock   sync.Mutex
	seen   []event
	news   chan struct{}
}

type event struct {
	name string
	body body
}

// join connects by the transports of way and returns the person with their first session.
func join(t testing.TB, url, way string, auth body) (*person, body) {
	t.Helper()
	p := connect(t, url, way, auth)
	// This client starts with either of its transports. An upgrade starts with polling.
	for way == "upgrade" && p.socket.Io().Engine().Transport().Name() != "polling" {
		p.socket.Disconnect()
		p = connect(t, url, way, auth)
	}
	return p, p.next("session")
}

func connect(t testing.TB, url, way string, auth body) *person {
	t.Helper()
	options := socket.DefaultOptions()
	options.SetForceNew(true)
	options.SetReconnectionDelay(50)
	options.SetReconnectionDelayMax(200)
	if auth != nil {
		options.SetAuth(auth)
	}
	switch way {
	case "polling":
		options.SetTransports(types.NewSet(transports.Polling))
	case "websocket":
		options.SetTransports(types.NewSet(transports.WebSocket))
	case "upgrade":
		options.SetTransports(types.NewSet(transports.Polling, transports.WebSocket))
	}
	options.SetAutoConnect(false)
	client, err := socket.Connect(url, options)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, socket: client, news: make(chan struct{}, 1)}
	t.Cleanup(func() { client.Disconnect() })
	client.OnAny(p.record)
	client.Connect()
	return p
}

func (p *person) record(arguments ...any) {
	name, _ := arguments[0].(string)
	first := body{}
	if len(arguments) > 1 {
		first, _ = arguments[1].(body)
	}
	p.lock.Lock()
	p.seen = append(p.seen, event{name, first})
	p.lock.Unlock()
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// take removes and returns the first event of this name.
func (p *person) take(name string) (body, bool) {
	p.lock.Lock()
	defer p.lock.Unlock()
	for at, event := range p.seen {
		if event.name == name {
			p.seen = append(p.seen[:at], p.seen[at+1:]...)
			return event.body, true
		}
	}
	return nil, false
}

// next is the next event of this name that no test has taken yet.
func (p *person) next(name string) body {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		if taken, ok := p.take(name); ok {
			return taken
		}
		select {
		case <-p.news:
		case <-deadline:
			p.t.Fatalf("no %s came; not yet taken: %v", name, p.seen)
		}
	}
}

// ask emits and returns the acknowledgement.
func (p *person) ask(name string, arguments ...any) body {
	p.t.Helper()
	answers := make(chan body, 1)
	p.socket.EmitWithAck(name, arguments...)(func(arguments []any, err error) {
		if err == nil && len(arguments) > 0 {
			answer, _ := arguments[0].(body)
			answers <- answer
		}
	})
	select {
	case answer := <-answers:
		return answer
	case <-time.After(patience):
		p.t.Fatalf("%s was not acknowledged", name)
		return nil
	}
}

// does emits what must be acknowledged with ok.
func (p *person) does(name string, arguments ...any) {
	p.t.Helper()
	if ack := p.ask(name, arguments...); ack["ok"] != true {
		p.t.Fatalf("%s: %v", name, ack)
	}
}

// sends emits, one after the other without waiting; by polling this client drops what it is given while it sends, so
// there each waits for its acknowledgement.
func (p *person) sends(name string, argument body, way string) {
	p.t.Helper()
	if way == "polling" {
		p.does(name, argument)
	} else if err := p.socket.Emit(name, argument); err != nil {
		p.t.Fatal(err)
	}
}

// pair is two people in a match with each other; the first one starts the call.
type pair struct {
	first, second *person
	found         body
}

func match(one, other *person) pair {
	one.t.Helper()
	one.does("find_match", body{"mode": "video"})
	other.does("find_match", body{"mode": "video"})
	ones, others := one.next("match_found"), other.next("match_found")
	same(one.t, ones["matchId"], others["matchId"])
	if ones["initiator"] == others["initiator"] {
		one.t.Fatal("both or neither of the two are to start the call")
	}
	if ones["initiator"] == true {
		return pair{one, other, ones}
	}
	return pair{other, one, others}
}

func same(t testing.TB, got, want any) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}
