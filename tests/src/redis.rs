//! A real redis-server on a port and in a folder of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ports;
use crate::process::Process;
use crate::resp::{Client, Reply};
use crate::wait;

/// How a redis-server is to be started.
#[derive(Clone, Default)]
pub struct Options {
    appendonly: bool,
    password: Option<String>,
    lines: Vec<String>,
}

impl Options {
    /// With an append-only file that is synced at every write: a restart has lost nothing.
    #[must_use]
    pub fn appendonly(mut self) -> Self {
        self.appendonly = true;
        self
    }

    /// With a password for the default user.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// With one more line of configuration.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Starts it and waits until it answers.
    pub fn start(&self) -> Redis {
        let port = ports::free();
        let folder =
            std::env::temp_dir().join(format!("carillon-redis-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder of the tests can be made");
        let redis = Redis {
            process: Mutex::new(self.spawn(&folder, port)),
            options: self.clone(),
            folder,
            port,
        };
        redis.wait_until_up();
        redis
    }

    fn spawn(&self, folder: &Path, port: u16) -> Process {
        let mut text = format!(
            "bind 127.0.0.1\nport {port}\ndir {}\nsave \"\"\n",
            folder.display()
        );
        if self.appendonly {
            text += "appendonly yes\nappendfsync always\n";
        }
        if let Some(password) = &self.password {
            text += &format!("requirepass {password}\n");
        }
        for line in &self.lines {
            text += &format!("{line}\n");
        }
        let file = folder.join("redis.conf");
        fs::write(&file, text).expect("the configuration can be written");
        Process::start("redis-server", Command::new("redis-server").arg(file))
    }
}

/// A running redis-server; it is killed, and its folder removed, when this value is dropped.
pub struct Redis {
    process: Mutex<Process>,
    options: Options,
    folder: PathBuf,
    port: u16,
}

impl Redis {
    /// One with default options.
    pub fn start() -> Self {
        Options::default().start()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL, with the password if it has one.
    pub fn url(&self) -> String {
        let password = self.options.password.as_ref();
        let user = password.map_or_else(String::new, |password| format!(":{password}@"));
        format!("redis://{user}127.0.0.1:{}", self.port)
    }

    /// Kills it (SIGKILL). It stays away until [`Redis::restart`].
    pub fn kill(&self) {
        let mut process = self.process();
        process.signal("KILL");
        process.wait();
    }

    /// Starts it again after [`Redis::kill`], on the same port and folder.
    pub fn restart(&self) {
        *self.process() = self.options.spawn(&self.folder, self.port);
        self.wait_until_up();
    }

    /// Freezes it (SIGSTOP): its connections stay open, nothing is answered.
    pub fn freeze(&self) {
        self.process().signal("STOP");
    }

    /// Lets it go on after [`Redis::freeze`].
    pub fn thaw(&self) {
        self.process().signal("CONT");
    }

    /// A connection, authenticated.
    pub fn client(&self) -> Client {
        self.try_client()
            .unwrap_or_else(|error| panic!("redis-server on {}: {error}", self.port))
    }

    /// Has one command done on a connection of its own; panics when it is refused.
    pub fn command<A: AsRef<[u8]>>(&self, arguments: &[A]) -> Reply {
        let reply = self.client().command(arguments);
        match reply.expect("redis-server answers") {
            Reply::Error(error) => panic!("redis-server refuses: {error}"),
            reply => reply,
        }
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_client(&self) -> io::Result<Client> {
        let mut client = Client::open(self.port)?;
        if let Some(password) = &self.options.password {
            client.command(&["AUTH", password])?;
        }
        Ok(client)
    }

    fn wait_until_up(&self) {
        wait::until("redis-server answers", || {
            let reply = self.try_client().ok()?.command(&["PING"]).ok()?;
            (reply == Reply::Simple("PONG".to_owned())).then_some(())
        });
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
