"""What the people in the tests say to each other."""

CANDIDATES = 20

WAYS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": None}
"""The transports that a client is told to use; None: its default, polling and then an upgrade."""


def description(kind):
    return {"type": kind, "sdp": "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\n"}


def candidate(number):
    line = f"candidate:{number} 1 udp 2122260223 192.0.2.1 50000 typ host ufrag abcd"
    return {"candidate": line, "sdpMLineIndex": 0, "sdpMid": "0", "usernameFragment": "abcd"}


def in_order(signals):
    """By their numbers: python-engineio handles each message in a thread of its own, which may overtake each other."""
    return sorted(signals, key=lambda signal: signal["seq"])
