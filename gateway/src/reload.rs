//! The rules file: read, checked whole, and swapped in one step; a bad edit changes nothing.

mod joined;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time;

pub use self::joined::check_recovery;

/// A file that is looked at now and then. Looking sees edits in place, renames over it, and the symlink swap of a Kubernetes volume alike.
#[derive(Debug)]
pub struct RulesFile {
    path: PathBuf,
    seen: Option<Stamp>,
    text: String,
}

/// What tells that the file may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    size: u64,
}

/// An edit is taken within a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A document is at most 256 KiB in its canonical form; what is far above that is not even read.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Why the file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system's answer.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// Far more than a document may have.
    #[error("{path}: {size} bytes; a rules file has at most {LARGEST}")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
}

impl RulesFile {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let mut file = Self {
            path: path.to_owned(),
            seen: None,
            text: String::new(),
        };
        file.seen = Some(file.stamp()?);
        file.text = file.read()?;
        Ok(file)
    }

    /// The text as last read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Waits until the text is another one, and returns it; or why it cannot be read, once for each change.
    ///
    /// # Errors
    /// The file has changed and cannot be read (any more).
    pub async fn changed(&mut self) -> Result<&str, ReadError> {
        loop {
            time::sleep(LOOK_EVERY).await;
            if self.look()? {
                return Ok(&self.text);
            }
        }
    }

    fn look(&mut self) -> Result<bool, ReadError> {
        let stamp = match self.stamp() {
            Ok(stamp) => Some(stamp),
            Err(_) if self.seen.is_none() => return Ok(false),
            Err(error) => {
                self.seen = None;
                return Err(error);
            }
        };
        if stamp == self.seen {
            return Ok(false);
        }
        self.seen = stamp;
        let text = self.read()?;
        let changed = text != self.text;
        self.text = text;
        Ok(changed)
    }

    fn stamp(&self) -> Result<Stamp, ReadError> {
        let metadata = fs::metadata(&self.path).map_err(|error| self.io(error))?;
        if metadata.size() > LARGEST {
            return Err(ReadError::TooLarge {
                path: self.path.display().to_string(),
                size: metadata.size(),
            });
        }
        Ok(Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.size(),
        })
    }

    fn read(&self) -> Result<String, ReadError> {
        fs::read_to_string(&self.path).map_err(|error| self.io(error))
    }

    fn io(&self, error: std::io::Error) -> ReadError {
        ReadError::Io {
            path: self.path.display().to_string(),
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of its own, gone at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("carillon-reload-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("a directory");
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn an_edit_a_rename_and_a_symlink_swap_are_seen_once() {
        let directory = Directory::new("edits");
        let path = directory.0.join("rules.yaml");
        fs::write(&path, "a").expect("written");
        let mut file = RulesFile::open(&path).expect("read");
        assert!(!file.look().expect("looked"));
        fs::write(&path, "bb").expect("written");
        assert!(file.look().expect("looked"));
        assert!(!file.look().expect("looked"));
        for version in ["one", "two"] {
            let target = directory.0.join(version);
            fs::write(&target, version).expect("written");
            let link = directory.0.join("link");
            std::os::unix::fs::symlink(&target, &link).expect("linked");
            fs::rename(&link, &path).expect("swapped");
            assert!(file.look().expect("looked"));
            assert_eq!(file.text(), version);
        }
    }

    #[test]
    fn a_file_that_goes_is_told_once_and_its_return_is_seen() {
        let directory = Directory::new("gone");
        let path = directory.0.join("rules.yaml");
        fs::write(&path, "a").expect("written");
        let mut file = RulesFile::open(&path).expect("read");
        fs::remove_file(&path).expect("removed");
        assert!(file.look().is_err());
        assert!(!file.look().expect("told already"));
        fs::write(&path, "b").expect("written");
        assert!(file.look().expect("looked"));
    }
}
