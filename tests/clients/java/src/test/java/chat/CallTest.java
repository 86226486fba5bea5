package chat;

import static chat.Person.object;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.Map;
import org.json.JSONException;
import org.json.JSONObject;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A whole call, and a lost connection in the middle of one, by each transport. */
class CallTest {
    private static final int CANDIDATES = 20;

    /** Two people in a match with each other; the first one starts the call. */
    private record Pair(Person first, Person second, JSONObject match) {}

    private static String[] transports(String way) {
        return way.equals("upgrade") ? new String[0] : new String[] {way};
    }

    private static Pair match(Person one, Person other) throws Exception {
        one.does("find_match", object("mode", "video"));
        other.does("find_match", object("mode", "video"));
        JSONObject ones = one.next("match_found");
        JSONObject others = other.next("match_found");
        assertEquals(ones.getString("matchId"), others.getString("matchId"));
        assertNotEquals(ones.getBoolean("initiator"), others.getBoolean("initiator"));
        return ones.getBoolean("initiator") ? new Pair(one, other, ones) : new Pair(other, one, others);
    }

    private static JSONObject description(String type) throws JSONException {
        return object("type", type, "sdp", "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\n");
    }

    private static JSONObject candidate(int number) throws JSONException {
        return object(
                "candidate", "candidate:" + number + " 1 udp 2122260223 192.0.2.1 50000 typ host ufrag abcd",
                "sdpMLineIndex", 0, "sdpMid", "0", "usernameFragment", "abcd");
    }

    private static void trickle(Person from, Person to) throws Exception {
        for (int number = 0; number < CANDIDATES; number++) {
            from.socket.emit("webrtc_ice_candidate", candidate(number));
        }
        for (int number = 0; number < CANDIDATES; number++) {
            JSONObject got = to.next("webrtc_ice_candidate");
            assertEquals(candidate(number).getString("candidate"), got.getString("candidate"));
        }
    }

    private static void offerAndAnswer(Pair pair) throws Exception {
        pair.first.does("webrtc_offer", description("offer"));
        JSONObject offer = pair.second.next("webrtc_offer");
        assertEquals(description("offer").getString("sdp"), offer.getString("sdp"));
        assertEquals(pair.match.getString("matchId"), offer.getString("matchId"));
        assertEquals(1, offer.getInt("seq"));
        pair.second.does("webrtc_answer", description("answer"));
        assertEquals(pair.match.getString("peerId"), pair.first.next("webrtc_answer").getString("from"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"polling", "websocket", "upgrade"})
    void aCallGoesFromTwoStrangersToAGoodbye(String way) throws Exception {
        try (Person one = new Person(Map.of(), transports(way));
                Person other = new Person(Map.of(), transports(way))) {
            assertEquals("idle", one.next("session").getString("state"));
            other.next("session");
            Pair pair = match(one, other);
            offerAndAnswer(pair);
            trickle(pair.first, pair.second);
            trickle(pair.second, pair.first);
            pair.second.does("chat_message", object("text", "grüß dich 👋"));
            assertEquals("grüß dich 👋", pair.first.next("chat_message").getString("text"));
            pair.first.does("leave_match");
            assertEquals("left", pair.second.next("peer_disconnected").getString("reason"));
            JSONObject refused = pair.second.ask("chat_message", object("text", "still there?"));
            assertEquals("not_matched", refused.getJSONObject("error").getString("code"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"polling", "websocket", "upgrade"})
    void whoLosesTheConnectionResumesTheMatchByToken(String way) throws Exception {
        Map<String, String> auth = new HashMap<>();
        try (Person one = new Person(auth, transports(way));
                Person other = new Person(Map.of(), transports(way))) {
            JSONObject session = one.next("session");
            other.next("session");
            Pair pair = match(one, other);
            offerAndAnswer(pair);
            other.does("chat_message", object("text", "seen"));
            int seq = one.next("chat_message").getInt("seq");

            auth.put("resume", session.getString("resumeToken"));
            auth.put("seq", String.valueOf(seq));
            one.lose();
            other.does("chat_message", object("text", "missed"));
            JSONObject resumed = one.next("session");
            assertTrue(resumed.getBoolean("resumed"));
            assertEquals("matched", resumed.getString("state"));
            assertEquals(pair.match.getString("matchId"), resumed.getString("matchId"));
            if (!way.equals("polling")) { // A poll that has not reached the pod breaks unnoticed.
                other.next("peer_reconnecting");
                other.next("peer_resumed");
            }
            assertEquals("missed", one.next("chat_message").getString("text"));
            one.does("chat_message", object("text", "back"));
            assertEquals("back", other.next("chat_message").getString("text"));
            assertFalse(session.getBoolean("resumed"));
        }
    }
}
