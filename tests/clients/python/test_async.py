"""A whole call, and a lost connection in the middle of one, with python-socketio's AsyncClient (aiohttp)."""

import asyncio
import os
import unittest
from collections import defaultdict

import socketio

from signals import CANDIDATES, WAYS, candidate, description
from wire import Wire

PATIENCE = 20
"""Seconds that a test waits for what must come: far longer than it takes."""


class Person:
    """One person on the stock client: keeps what comes in and waits for what a test expects."""

    def __init__(self):
        self.client = socketio.AsyncClient(reconnection_delay=0.05, reconnection_delay_max=0.2)
        self.client.on("*", self._record)
        self.client.on("disconnect", self._lost)
        self.seen = defaultdict(asyncio.Queue)
        self.auth = {}

    async def _record(self, event, body=None, *more):
        assert not more, f"{event} came with more arguments than one: {more}"
        self.seen[event].put_nowait(body)

    async def _lost(self, reason):
        self.seen["disconnect"].put_nowait(reason)

    async def join(self, url, transports):
        await self.client.connect(url, transports=transports, auth=lambda: self.auth)
        return await self.next("session")

    async def next(self, event):
        try:
            return await asyncio.wait_for(self.seen[event].get(), PATIENCE)
        except TimeoutError:
            raise AssertionError(f"no {event} came; seen: {dict(self.seen)}") from None

    async def does(self, event, body=None):
        ack = await self.client.call(event, body, timeout=PATIENCE)
        assert ack["ok"], f"{event}: {ack}"

    async def leave(self):
        await self.client.disconnect()


async def match(one, other):
    """Matches the two; the initiator first, and their match."""
    for person in (one, other):
        await person.does("find_match", {"mode": "video"})
    found, others = await one.next("match_found"), await other.next("match_found")
    assert found["matchId"] == others["matchId"] and found["initiator"] != others["initiator"]
    return (one, other, found) if found["initiator"] else (other, one, others)


class AsyncClientCalls:
    """The tests; the classes below say by which transport."""

    way = ""

    async def asyncSetUp(self):
        self.wire = Wire()
        self.addCleanup(self.wire.close)
        self.one, self.other = Person(), Person()
        self.addAsyncCleanup(self.one.leave)
        self.addAsyncCleanup(self.other.leave)
        self.session = await self.one.join(self.wire.url, WAYS[self.way])
        await self.other.join(os.environ["CHAT_URL"], WAYS[self.way])

    async def offer_and_answer(self, first, second, found):
        await first.does("webrtc_offer", description("offer"))
        offer = await second.next("webrtc_offer")
        self.assertEqual(offer["sdp"], description("offer")["sdp"])
        self.assertEqual((offer["matchId"], offer["seq"]), (found["matchId"], 1))
        await second.does("webrtc_answer", description("answer"))
        self.assertEqual((await first.next("webrtc_answer"))["from"], found["peerId"])

    async def test_a_call_goes_from_two_strangers_to_a_goodbye(self):
        first, second, found = await match(self.one, self.other)
        await self.offer_and_answer(first, second, found)
        for number in range(CANDIDATES):
            await first.client.emit("webrtc_ice_candidate", candidate(number))
        for number in range(CANDIDATES):
            got = await second.next("webrtc_ice_candidate")
            self.assertEqual(got["candidate"], candidate(number)["candidate"])
        await second.does("chat_message", {"text": "grüß dich 👋"})
        self.assertEqual((await first.next("chat_message"))["text"], "grüß dich 👋")
        await first.does("leave_match")
        self.assertEqual((await second.next("peer_disconnected"))["reason"], "left")

    async def test_many_messages_for_one_poll_come_in_portions_that_the_client_takes(self):
        first, second, _ = await match(self.one, self.other)
        await first.does("webrtc_offer", description("offer"))
        burst = [first.client.emit("webrtc_ice_candidate", candidate(number)) for number in range(100)]
        await asyncio.gather(*burst)
        got = [(await second.next("webrtc_ice_candidate"))["candidate"] for _ in range(100)]
        self.assertEqual(got, [candidate(number)["candidate"] for number in range(100)])

    async def test_who_loses_the_connection_resumes_the_match_by_token(self):
        first, second, found = await match(self.one, self.other)
        await self.offer_and_answer(first, second, found)
        await self.other.does("chat_message", {"text": "seen"})
        seen = await self.one.next("chat_message")
        self.one.auth = {"resume": self.session["resumeToken"], "seq": seen["seq"]}
        self.wire.cut()
        # A cut between two polls breaks nothing until the next one.
        await self.one.next("disconnect")
        await self.other.does("chat_message", {"text": "missed"})
        self.wire.mend()
        back = await self.one.next("session")
        self.assertEqual((back["resumed"], back["state"]), (True, "matched"))
        self.assertEqual(back["matchId"], found["matchId"])
        if self.way != "polling":  # Between two polls nobody can notice the loss.
            await self.other.next("peer_resumed")
        missed = await self.one.next("chat_message")
        self.assertEqual((missed["text"], missed["seq"]), ("missed", seen["seq"] + 1))
        await self.one.does("chat_message", {"text": "back"})
        self.assertEqual((await self.other.next("chat_message"))["text"], "back")


class AsyncClientByPolling(AsyncClientCalls, unittest.IsolatedAsyncioTestCase):
    way = "polling"


class AsyncClientByWebSocket(AsyncClientCalls, unittest.IsolatedAsyncioTestCase):
    way = "websocket"


class AsyncClientByUpgrade(AsyncClientCalls, unittest.IsolatedAsyncioTestCase):
    way = "upgrade"
