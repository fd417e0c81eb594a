//! Why there is no socket, or no answer.

use super::protocol::VERSION;
use std::io;
use std::path::PathBuf;

/// What can go wrong between a server and those who ask it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process answers there.
    #[error("{0}: another process answers there; name another path by --admin, or none")]
    Taken(PathBuf),
    /// Something else than a socket is there.
    #[error("{0} is there and no socket: name another path by --admin")]
    NotASocket(PathBuf),
    /// The socket could not be made.
    #[error("{path}: {error}")]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// No server has a socket here.
    #[error("no seawall serve is running: nothing answers in {0} (--socket PATH asks elsewhere)")]
    NoneRunning(PathBuf),
    /// There is a choice.
    #[error("several are running: choose one by --socket {}", list(.0))]
    Several(Vec<PathBuf>),
    /// Nobody listens.
    #[error("{0}: no seawall serve answers there")]
    NotRunning(PathBuf),
    /// Not for this user.
    #[error("{0}: permission denied; ask as root, or as the user that serve runs as")]
    Denied(PathBuf),
    /// The answer broke off.
    #[error("{path}: the answer broke off: {error}")]
    Broken {
        /// Whose.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The server said no.
    #[error("{path}: {said}")]
    Refused {
        /// Whose.
        path: PathBuf,
        /// Its words.
        said: String,
    },
    /// What came is not this protocol.
    #[error("{path}: not an answer of version {VERSION}: {error}")]
    Foreign {
        /// Whose.
        path: PathBuf,
        /// Why.
        error: serde_json::Error,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.to_string_lossy()).collect();
    paths.join(", or ")
}
