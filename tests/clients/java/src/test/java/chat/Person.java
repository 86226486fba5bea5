package chat;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import okhttp3.OkHttpClient;
import org.json.JSONException;
import org.json.JSONObject;

/** One person on the stock client: keeps what comes in and waits for what a test expects. */
final class Person implements AutoCloseable {
    /** How long a test waits for what must come: far longer than it takes. */
    private static final long PATIENCE_SECONDS = 20;

    private static final String[] EVENTS = {
        "session", "waiting", "match_found", "webrtc_offer", "webrtc_answer", "webrtc_ice_candidate",
        "chat_message", "peer_disconnected", "peer_reconnecting", "peer_resumed", "error",
    };

    final Socket socket;
    private final OkHttpClient http = new OkHttpClient.Builder().readTimeout(Duration.ofMinutes(1)).build();
    private final Map<String, BlockingQueue<JSONObject>> seen = new ConcurrentHashMap<>();

    /** Connects to the pod of CHAT_URL; no transports are the client's default: polling, then an upgrade. */
    Person(Map<String, String> auth, String... transports) {
        IO.Options options = new IO.Options();
        options.forceNew = true;
        options.reconnectionDelay = 50;
        options.reconnectionDelayMax = 200;
        options.auth = auth;
        options.callFactory = http;
        options.webSocketFactory = http;
        if (transports.length > 0) {
            options.transports = transports;
        }
        socket = IO.socket(URI.create(System.getenv("CHAT_URL")), options);
        for (String event : EVENTS) {
            socket.on(event, arguments -> queue(event).add((JSONObject) arguments[0]));
        }
        socket.connect();
    }

    private BlockingQueue<JSONObject> queue(String event) {
        return seen.computeIfAbsent(event, name -> new LinkedBlockingQueue<>());
    }

    /** The next event of this name that no test has taken yet. */
    JSONObject next(String event) throws Exception {
        JSONObject body = queue(event).poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
        if (body == null) {
            throw new AssertionError("no " + event + " came; waiting to be taken: " + seen);
        }
        return body;
    }

    /** Emits and returns the acknowledgement. */
    JSONObject ask(String event, Object... arguments) throws Exception {
        CompletableFuture<JSONObject> answer = new CompletableFuture<>();
        Ack ack = answers -> answer.complete((JSONObject) answers[0]);
        socket.emit(event, arguments, ack);
        return answer.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    /** Emits what must be acknowledged with {@code ok}. */
    void does(String event, Object... arguments) throws Exception {
        JSONObject ack = ask(event, arguments);
        assertTrue(ack.getBoolean("ok"), () -> event + ": " + ack);
    }

    /** Breaks the connection, as a network does: the server gets no word of it. */
    void lose() throws InterruptedException {
        CountDownLatch lost = new CountDownLatch(1);
        socket.once(Socket.EVENT_DISCONNECT, reason -> lost.countDown());
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        do {
            // Between two polls there is nothing to break.
            http.dispatcher().cancelAll();
            assertTrue(System.nanoTime() < deadline, "the client did not notice that its connection broke");
        } while (!lost.await(20, TimeUnit.MILLISECONDS));
    }

    @Override
    public void close() {
        socket.disconnect();
    }

    static JSONObject object(Object... namesAndValues) throws JSONException {
        JSONObject object = new JSONObject();
        for (int at = 0; at < namesAndValues.length; at += 2) {
            object.put((String) namesAndValues[at], namesAndValues[at + 1]);
        }
        return object;
    }
}
