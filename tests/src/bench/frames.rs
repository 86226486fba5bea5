//! What clients send, made once: masked WebSocket frames with Socket.IO packets in them.

use signaling_wire::websocket::{CloseCode, CloseFrame, Opcode, encode_close_masked, encode_masked};

/// Any key will do, but 0, with which a server would have nothing to unmask.
const KEY: [u8; 4] = [0x5a, 0x1c, 0x93, 0xe7];
/// The ICE username fragment of every description and candidate.
const FRAGMENT: &str = "Zq4h";
/// The length of a session description.
const SDP_BYTES: usize = 2_048;

/// Candidates that follow each description.
pub(super) const CANDIDATES: usize = 4;

/// A request for a WebSocket as Chromium sends it.
pub(super) const REQUEST: &[u8] =
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nConnection: Upgrade\r\n\
Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 \
(KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\nOrigin: http://localhost:3000\r\n\
Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\
Sec-WebSocket-Key: Y2hhdCBiZW5jaCBub25jZQ==\r\n\
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

/// A text message in one frame.
pub(super) fn text(message: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_masked(Opcode::Text, KEY, &[message.as_bytes()], &mut frame);
    frame
}

/// The close frame of a client that goes for good.
pub(super) fn close() -> Vec<u8> {
    let mut frame = Vec::new();
    let normal = CloseFrame {
        code: CloseCode::NORMAL,
        reason: "",
    };
    encode_close_masked(Some(normal), KEY, &mut frame);
    frame
}

/// The signals of one call, in the order in which they are sent again and again: a description of 2 KB, then candidates.
pub(super) fn call() -> Vec<Vec<u8>> {
    let mut signals = vec![text(&offer())];
    signals.extend((0..CANDIDATES).map(|number| text(&candidate(number))));
    signals
}

fn offer() -> String {
    let mut sdp = format!(
        "v=0\\r\\no=- 4611731400430051336 2 IN IP4 127.0.0.1\\r\\ns=-\\r\\nt=0 0\\r\\na=group:BUNDLE 0 1\\r\\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\\r\\nc=IN IP4 0.0.0.0\\r\\na=rtcp:9 IN IP4 0.0.0.0\\r\\n\
         a=ice-ufrag:{FRAGMENT}\\r\\na=ice-pwd:9b1Hl0vB7rYd3kq5wXc2mT8s\\r\\na=ice-options:trickle\\r\\n\
         a=setup:actpass\\r\\na=mid:0\\r\\na=sendrecv\\r\\na=rtcp-mux\\r\\na=rtpmap:111 opus/48000/2\\r\\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96 97 102\\r\\nc=IN IP4 0.0.0.0\\r\\na=mid:1\\r\\na=sendrecv\\r\\n"
    );
    for number in 96.. {
        let line = format!("a=rtpmap:{number} VP8/90000\\r\\na=rtcp-fb:{number} goog-remb\\r\\n");
        if sdp.len() + line.len() > SDP_BYTES {
            break;
        }
        sdp += &line;
    }
    format!(r#"42["webrtc_offer",{{"type":"offer","sdp":"{sdp}"}}]"#)
}

fn candidate(number: usize) -> String {
    let port = 46_154 + number;
    format!(
        "42[\"webrtc_ice_candidate\",{{\"candidate\":\"candidate:842163049 1 udp 1677729535 203.0.113.7 {port} typ srflx \
         raddr 192.0.2.17 rport {port} generation 0 ufrag {FRAGMENT} network-id 1 network-cost 10\",\"sdpMid\":\"0\",\
         \"sdpMLineIndex\":0,\"usernameFragment\":\"{FRAGMENT}\"}}]"
    )
}
