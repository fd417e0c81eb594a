//! Scripts as files. What goes wrong is told with the path and the line of it.

use crate::run::RunOptions;
use crate::script::Script;
use crate::{define, parse, run};
use std::fs;
use std::path::{Path, PathBuf};

/// The scripts that `paths` name, those of a folder in the order of their names.
pub(crate) fn scripts(paths: &[PathBuf]) -> Vec<Result<PathBuf, String>> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(Ok(path.clone()));
            continue;
        }
        let before = found.len();
        walk(path, &mut found);
        if found.len() == before {
            found.push(Err(format!("{}: no *.pkt in it", path.display())));
        }
    }
    found
}

fn walk(folder: &Path, found: &mut Vec<Result<PathBuf, String>>) {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return found.push(Err(format!("{}: {error}", folder.display()))),
    };
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        // A link is not followed: it could lead back here.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "pkt") {
            found.push(Ok(path));
        }
    }
}

/// Runs one; returns how many commands were skipped.
pub(crate) fn run(path: &Path, options: &RunOptions) -> Result<u32, String> {
    let script = read(path)?;
    let outcome = run::run(&script, options);
    outcome.map_err(|failure| format!("{}:{failure}", path.display()))
}

/// The script as its tree is written.
pub(crate) fn print(path: &Path) -> Result<String, String> {
    read(path).map(|script| script.to_string())
}

fn read(path: &Path) -> Result<Script, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    // Comments may be in any encoding.
    let text = String::from_utf8_lossy(&bytes);
    let script = parse::parse(&define::expand(&text));
    script.map_err(|error| format!("{}:{error}", path.display()))
}
