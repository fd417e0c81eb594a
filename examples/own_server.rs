//! A server of one's own: it answers each line with the line in capitals.
//!
//! `sudo cargo run --release --example own_server -- eth0 192.0.2.1:7000`, then
//! `nc 192.0.2.1 7000` from another machine.

use seawall::control::server::{Server, ServerConfig};
use seawall::service::{Conn, Service};
use std::net::SocketAddr;

/// Capitals. State of its own would fit into `conn.user`.
struct Shout;

impl Service for Shout {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        while conn.rx.unread() > 0 {
            let loud = conn.rx.text().to_ascii_uppercase();
            let sent = conn.tx.send(&loud);
            conn.rx.consume(sent);
            if sent < loud.len() {
                return; // no room: called again when there is
            }
        }
        if conn.rx.is_finished() {
            conn.finish();
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: own_server INTERFACE ADDR:PORT";
    let interface = args.next().ok_or(usage)?;
    let at: SocketAddr = args.next().ok_or(usage)?.parse()?;
    let config = ServerConfig::new(&interface).listen(at.into(), || Box::new(Shout));
    let server = Server::start(config)?;
    println!("shouting on {at}; Enter ends it");
    std::io::stdin().read_line(&mut String::new())?;
    let totals = server.stop()?;
    println!("{:?}", totals.counters.connections);
    Ok(())
}
