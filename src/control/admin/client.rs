//! The side of those who ask.

use super::error::Error;
use super::protocol::{Ask, Line, Server};
use crate::time::Duration;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// How long a server may take to find the next connection among millions that do not match, while
/// others walk too.
const PATIENCE: Duration = Duration::from_mins(5);

/// An answer, line by line as it comes; an error ends it.
#[derive(Debug)]
pub struct Answer {
    server: Server,
    lines: Lines,
}

impl Answer {
    /// Who answers.
    #[must_use]
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// The next line.
    ///
    /// # Errors
    /// The answer broke off before its last line, or the server cannot go on.
    pub fn line(&mut self) -> Result<Line, Error> {
        self.lines.read()
    }
}

/// Asks the server at `path`.
pub fn ask(path: &Path, ask: &Ask) -> Result<Answer, Error> {
    let mut stream = UnixStream::connect(path).map_err(|error| not_connected(path, error))?;
    let broken = |error| broken(path, error);
    stream.set_read_timeout(Some(PATIENCE)).map_err(broken)?;
    match stream.write_all(ask.to_line().as_bytes()) {
        // It may have hung up at once, with words that say why: those are to be read.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(broken(error)),
        _ => {}
    }
    let mut lines = Lines {
        path: path.to_owned(),
        stream: BufReader::with_capacity(64 * 1024, stream),
        line: String::new(),
    };
    match lines.read()? {
        Line::Server(server) => Ok(Answer { server, lines }),
        _ => Err(broken(io::ErrorKind::InvalidData.into())),
    }
}

#[derive(Debug)]
struct Lines {
    path: PathBuf,
    stream: BufReader<UnixStream>,
    line: String,
}

impl Lines {
    fn read(&mut self) -> Result<Line, Error> {
        self.line.clear();
        let read = self.stream.read_line(&mut self.line);
        read.map_err(|error| broken(&self.path, error))?;
        if !self.line.ends_with('\n') {
            return Err(broken(&self.path, io::ErrorKind::UnexpectedEof.into()));
        }
        let path = || self.path.clone();
        match serde_json::from_str(&self.line) {
            Ok(Line::Error(said)) => Err(Error::Refused { path: path(), said }),
            Ok(line) => Ok(line),
            Err(error) => Err(Error::Foreign {
                path: path(),
                error,
            }),
        }
    }
}

fn broken(path: &Path, error: io::Error) -> Error {
    Error::Broken {
        path: path.to_owned(),
        error,
    }
}

fn not_connected(path: &Path, error: io::Error) -> Error {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Error::NotRunning(path),
        io::ErrorKind::PermissionDenied => Error::Denied(path),
        _ => Error::Socket { path, error },
    }
}
