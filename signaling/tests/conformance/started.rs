//! Servers that are started when they are first asked for, each on a thread of its own, and end with the process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::sync::mpsc::sync_channel;
use std::thread;

use signaling_wire::engine_io::Settings;
use signaling_wire::socket_io::Limits;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use crate::server::{LIMITS, SETTINGS, serve};

/// Milliseconds that no test lasts.
const NEVER: u64 = 600_000;

/// As the example is.
pub fn example() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| start(SETTINGS, LIMITS))
}

/// Never pings within a test nor asks for a CONNECT, however slow the machine.
pub fn patient() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let settings = Settings {
            ping_interval: NEVER,
            ..SETTINGS
        };
        let limits = Limits {
            connect_timeout_ms: 600_000,
            ..LIMITS
        };
        start(settings, limits)
    })
}

/// Pings often, and takes a pong whenever it comes.
pub fn beating() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let settings = Settings {
            ping_interval: 100,
            ping_timeout: NEVER,
            ..SETTINGS
        };
        start(settings, LIMITS)
    })
}

/// Never pings within a test, but wants a CONNECT soon.
pub fn pressing() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let settings = Settings {
            ping_interval: NEVER,
            ..SETTINGS
        };
        start(settings, LIMITS)
    })
}

fn start(settings: Settings, limits: Limits) -> SocketAddr {
    let (tell, told) = sync_channel(1);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        LocalSet::new().block_on(&runtime, async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            serve(listener, settings, limits).await.unwrap();
        });
    });
    told.recv().unwrap()
}
