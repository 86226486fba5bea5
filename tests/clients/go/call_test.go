// Package clients proves the contract with the Go client.
package clients

import (
	"fmt"
	"testing"
)

const candidates = 20

func description(kind string) body {
	return body{"type": kind, "sdp": "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\n"}
}

func candidate(number int) body {
	line := fmt.Sprintf("candidate:%d 1 udp 2122260223 192.0.2.1 50000 typ host ufrag abcd", number)
	return body{"candidate": line, "sdpMLineIndex": 0, "sdpMid": "0", "usernameFragment": "abcd"}
}

func offerAndAnswer(t testing.TB, p pair) {
	t.Helper()
	p.first.does("webrtc_offer", description("offer"))
	offer := p.second.next("webrtc_offer")
	same(t, offer["sdp"], description("offer")["sdp"])
	same(t, offer["matchId"], p.found["matchId"])
	same(t, offer["seq"], 1.0)
	p.second.does("webrtc_answer", description("answer"))
	same(t, p.first.next("webrtc_answer")["from"], p.found["peerId"])
}

func TestACallGoesFromTwoStrangersToAGoodbye(t *testing.T) {
	inEachWay(t, func(t testing.TB, way string) {
		cable := newWire(t, podURL(t, way))
		one, session := join(t, cable.url, way, nil)
		other, _ := join(t, cable.url, way, nil)
		same(t, session["state"], "idle")
		p := match(one, other)
		offerAndAnswer(t, p)
		for number := range candidates {
			p.first.sends("webrtc_ice_candidate", candidate(number), way)
		}
		for number := range candidates {
			same(t, p.second.next("webrtc_ice_candidate")["candidate"], candidate(number)["candidate"])
		}
		p.second.does("chat_message", body{"text": "grüß dich 👋"})
		same(t, p.first.next("chat_message")["text"], "grüß dich 👋")
		p.first.does("leave_match")
		same(t, p.second.next("peer_disconnected")["reason"], "left")
	})
}

// The Go client sends its private session id by itself, as browsers do; what it has seen it says by seq.
func TestWhoLosesTheConnectionComesBackToTheMatch(t *testing.T) {
	inEachWay(t, func(t testing.TB, way string) {
		pod := podURL(t, way)
		cable, others := newWire(t, pod), newWire(t, pod)
		auth := body{}
		one, _ := join(t, cable.url, way, auth)
		other, _ := join(t, others.url, way, nil)
		p := match(one, other)
		offerAndAnswer(t, p)
		other.does("chat_message", body{"text": "seen"})
		seen := one.next("chat_message")["seq"].(float64)
		auth["seq"] = seen
		cable.setCut(true)
		other.does("chat_message", body{"text": "missed"})
		cable.setCut(false)
		back := one.next("session")
		same(t, back["resumed"], true)
		same(t, back["state"], "matched")
		same(t, back["matchId"], p.found["matchId"])
		same(t, one.socket.Recovered(), true)
		missed := one.next("chat_message")
		same(t, missed["text"], "missed")
		same(t, missed["seq"], seen+1)
		one.does("chat_message", body{"text": "back"})
		same(t, other.next("chat_message")["text"], "back")
	})
}
