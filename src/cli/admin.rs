//! Where the admin socket is, said by those who serve and by those who ask.

use crate::control::admin::{self, AdminSocket, Error};
use core::str::FromStr;
use std::path::PathBuf;

/// Where the admin socket is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAt {
    /// Where `seawall list` looks, if it can be there.
    Auto,
    /// Nowhere.
    Nowhere,
    /// There, or we do not serve.
    Path(PathBuf),
}

impl FromStr for AdminAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("want a path, `auto` or `none`".into()),
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::Nowhere),
            path => Ok(Self::Path(path.into())),
        }
    }
}

impl AdminAt {
    /// The socket, and a warning where there is none although one would be nice to have.
    pub(super) fn claim(
        &self,
        interface: &str,
    ) -> Result<(Option<AdminSocket>, Option<String>), Error> {
        match self {
            Self::Nowhere => Ok((None, None)),
            Self::Path(path) => Ok((Some(AdminSocket::claim(path)?), None)),
            Self::Auto => Ok(match AdminSocket::claim_default(interface) {
                Ok(socket) => (Some(socket), None),
                Err(error) => (None, Some(format!("no admin socket: {error}"))),
            }),
        }
    }
}

/// Whom to ask.
#[derive(Clone, Debug, clap::Args)]
pub struct SocketArg {
    /// The socket of the server [default: that of the only one in /run/seawall]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

impl SocketArg {
    /// Where it is, after looking around if need be.
    pub(super) fn path(&self) -> Result<PathBuf, Error> {
        self.socket.clone().map_or_else(admin::running, Ok)
    }
}
