//! Where the socket is: claimed from dead processes but not from live ones, for its owner alone,
//! and gone when its process ends.

use super::error::Error;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket,
};
use nix::sys::stat::{Mode, fchmod};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A socket that listens. Dropping it removes its file.
#[derive(Debug)]
pub struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file: one that has taken its place is not ours to remove.
    file: (u64, u64),
}

impl AdminSocket {
    /// Makes it, mode 0600. What a dead process left there is replaced.
    pub fn claim(path: &Path) -> Result<Self, Error> {
        let failed = |error| Error::Socket {
            path: path.to_owned(),
            error,
        };
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
        // Between finding a dead socket and binding ours nobody else may do the same.
        let _alone = lock(parent.unwrap_or(Path::new("."))).map_err(failed)?;
        match look(path).map_err(failed)? {
            Found::Nothing => {}
            Found::Dead => fs::remove_file(path).map_err(failed)?,
            Found::Alive => return Err(Error::Taken(path.to_owned())),
            Found::NoSocket => return Err(Error::NotASocket(path.to_owned())),
        }
        let listener = listen_at(path).map_err(failed)?;
        let file = inode(path).map_err(failed)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            file,
        })
    }

    /// The same at [`default_path`], in a directory for its owner alone, which it clears of what
    /// dead processes left.
    pub fn claim_default(interface: &str) -> Result<Self, Error> {
        let path = default_path(interface);
        let failed = |error| Error::Socket {
            path: path.clone(),
            error,
        };
        let directory = directory();
        match DirBuilder::new().mode(0o700).create(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            _ => {}
        }
        clear(&directory).map_err(failed)?;
        Self::claim(&path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|file| file == self.file) {
            // If it cannot be removed, the next one replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Where sockets are that nobody named: the directory that systemd made for its service
/// (`RuntimeDirectory=`), or `/run/seawall`.
#[must_use]
pub fn directory() -> PathBuf {
    let given = std::env::var_os("RUNTIME_DIRECTORY");
    // Several are separated by colons.
    let first = given.and_then(|all| std::env::split_paths(&all).next());
    let first = first.filter(|path| path.is_absolute());
    first.unwrap_or_else(|| "/run/seawall".into())
}

/// The socket of this process where nobody named one: interfaces of one name may be in several
/// namespaces, so it has the process's number too.
#[must_use]
pub fn default_path(interface: &str) -> PathBuf {
    let pid = std::process::id();
    // No interface has a slash in its name, but what was asked for is not known to be one yet.
    let interface = interface.replace('/', "_");
    directory().join(format!("{interface}-{pid}.sock"))
}

/// The one server that has its socket in [`directory`].
pub fn running() -> Result<PathBuf, Error> {
    let directory = directory();
    let mut alive = match sockets(&directory, &Found::Alive) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(Error::Denied(directory));
        }
        // Where there is no directory nobody serves.
        sockets => sockets.unwrap_or_default(),
    };
    match alive.len() {
        0 => Err(Error::NoneRunning(directory)),
        1 => Ok(alive.remove(0)),
        _ => Err(Error::Several(alive)),
    }
}

// What may be at a path.
#[derive(PartialEq, Eq)]
enum Found {
    Nothing,
    NoSocket,
    Dead,
    Alive,
}

fn look(path: &Path) -> io::Result<Found> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
        Ok(file) if !file.file_type().is_socket() => return Ok(Found::NoSocket),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(Found::Dead),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) => Err(error),
        Ok(_) => Ok(Found::Alive),
    }
}

// Those in `directory` that are found to be `what`, by name.
fn sockets(directory: &Path, what: &Found) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "sock") && look(&path)? == *what {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn clear(directory: &Path) -> io::Result<()> {
    // Whoever binds holds it until it listens, and until then looks dead.
    let _alone = lock(directory)?;
    for path in sockets(directory, &Found::Dead)? {
        fs::remove_file(path)?;
    }
    Ok(())
}

fn lock(directory: &Path) -> io::Result<Flock<File>> {
    let directory = File::open(directory)?;
    Flock::lock(directory, FlockArg::LockExclusive).map_err(|(_, errno)| errno.into())
}

fn listen_at(path: &Path) -> io::Result<UnixListener> {
    let fd = socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    // Before it has a file, so that there is no moment at which others may connect: Linux gives
    // the file the mode of the socket.
    fchmod(&fd, Mode::S_IRUSR | Mode::S_IWUSR)?;
    bind(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
    listen(&fd, Backlog::new(16)?)?;
    Ok(fd.into())
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}
