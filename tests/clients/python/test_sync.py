"""A whole call, and a lost connection in the middle of one, with python-socketio's Client (requests, websocket-client)."""

import os
import threading
import unittest

import socketio

from signals import CANDIDATES, WAYS, candidate, description, in_order
from wire import Wire

PATIENCE = 20
"""Seconds that a test waits for what must come: far longer than it takes."""


class Person:
    """One person on the stock client: keeps what comes in and waits for what a test expects."""

    def __init__(self):
        self.client = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.2)
        self.client.on("*", self._record)
        self.client.on("disconnect", lambda reason: self._record("disconnect", reason))
        self.seen = []
        self.news = threading.Condition()
        self.auth = {}

    def _record(self, event, body=None, *more):
        assert not more, f"{event} came with more arguments than one: {more}"
        with self.news:
            self.seen.append((event, body))
            self.news.notify_all()

    def join(self, url, transports):
        self.client.connect(url, transports=transports, auth=lambda: self.auth)
        return self.next("session")

    def next(self, event):
        def found():
            return next((seen for seen in self.seen if seen[0] == event), None)

        with self.news:
            seen = self.news.wait_for(found, PATIENCE)
            assert seen, f"no {event} came; not yet taken: {self.seen}"
            self.seen.remove(seen)
            return seen[1]

    def does(self, event, body=None):
        ack = self.client.call(event, body, timeout=PATIENCE)
        assert ack["ok"], f"{event}: {ack}"

    def leave(self):
        self.client.disconnect()


def match(one, other):
    """Matches the two; the initiator first, and their match."""
    for person in (one, other):
        person.does("find_match", {"mode": "video"})
    found, others = one.next("match_found"), other.next("match_found")
    assert found["matchId"] == others["matchId"] and found["initiator"] != others["initiator"]
    return (one, other, found) if found["initiator"] else (other, one, others)


class ClientCalls:
    """The tests; the classes below say by which transport."""

    way = ""

    def setUp(self):
        self.wire = Wire()
        self.addCleanup(self.wire.close)
        self.one, self.other = Person(), Person()
        self.addCleanup(self.one.leave)
        self.addCleanup(self.other.leave)
        self.session = self.one.join(self.wire.url, WAYS[self.way])
        self.other.join(os.environ["CHAT_URL"], WAYS[self.way])

    def offer_and_answer(self, first, second, found):
        first.does("webrtc_offer", description("offer"))
        offer = second.next("webrtc_offer")
        self.assertEqual(offer["sdp"], description("offer")["sdp"])
        self.assertEqual((offer["matchId"], offer["seq"]), (found["matchId"], 1))
        second.does("webrtc_answer", description("answer"))
        self.assertEqual(first.next("webrtc_answer")["from"], found["peerId"])

    def test_a_call_goes_from_two_strangers_to_a_goodbye(self):
        first, second, found = match(self.one, self.other)
        self.offer_and_answer(first, second, found)
        for number in range(CANDIDATES):
            first.client.emit("webrtc_ice_candidate", candidate(number))
        got = in_order(second.next("webrtc_ice_candidate") for _ in range(CANDIDATES))
        self.assertEqual([signal["seq"] for signal in got], list(range(2, 2 + CANDIDATES)))
        lines = [candidate(number)["candidate"] for number in range(CANDIDATES)]
        self.assertEqual([signal["candidate"] for signal in got], lines)
        second.does("chat_message", {"text": "grüß dich 👋"})
        self.assertEqual(first.next("chat_message")["text"], "grüß dich 👋")
        first.does("leave_match")
        self.assertEqual(second.next("peer_disconnected")["reason"], "left")

    def test_who_loses_the_connection_resumes_the_match_by_token(self):
        first, second, found = match(self.one, self.other)
        self.offer_and_answer(first, second, found)
        self.other.does("chat_message", {"text": "seen"})
        seen = self.one.next("chat_message")
        self.one.auth = {"resume": self.session["resumeToken"], "seq": seen["seq"]}
        self.wire.cut()
        # A cut between two polls breaks nothing until the next one.
        self.one.next("disconnect")
        self.other.does("chat_message", {"text": "missed"})
        self.wire.mend()
        back = self.one.next("session")
        self.assertEqual((back["resumed"], back["state"]), (True, "matched"))
        self.assertEqual(back["matchId"], found["matchId"])
        if self.way != "polling":  # Between two polls nobody can notice the loss.
            self.other.next("peer_resumed")
        missed = self.one.next("chat_message")
        self.assertEqual((missed["text"], missed["seq"]), ("missed", seen["seq"] + 1))
        self.one.does("chat_message", {"text": "back"})
        self.assertEqual(self.other.next("chat_message")["text"], "back")


class ClientByPolling(ClientCalls, unittest.TestCase):
    way = "polling"


class ClientByWebSocket(ClientCalls, unittest.TestCase):
    way = "websocket"


class ClientByUpgrade(ClientCalls, unittest.TestCase):
    way = "upgrade"
