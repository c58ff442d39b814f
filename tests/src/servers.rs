//! The real servers that the tests run against: PostgreSQL from the system's packages, and those that `cargo xtask test`
//! builds from `tests/servers`. Each listens on the loopback address only, and ends with the process that started it.
//!
//! A server that cannot be started fails the test that wants it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(60);

/// Who runs the servers when the tests run as root: `nobody`, for PostgreSQL refuses root.
const NOBODY: u32 = 65_534;

/// Starts `$@` and waits for a word: then, or when whoever should say it is gone, it ends the server. Without a word its folder
/// (`$FOLDER`) goes too.
const KEEPER: &str = r#"
    "$@" </dev/null & server=$!
    read -r word
    kill -s "$END" $server
    ( sleep 10; kill -s KILL $server ) 2>/dev/null & late=$!
    wait $server
    kill $late 2>/dev/null
    [ -n "$word" ] || rm -rf "$FOLDER"
"#;

/// A server that runs, and how to start it again.
#[derive(Debug)]
struct Process {
    name: &'static str,
    words: Vec<String>,
    /// The signal that ends it at once.
    end: &'static str,
    /// What it says in its log when it is ready; without such words it is when it listens.
    ready: &'static str,
    folder: TempDir,
    address: SocketAddr,
    running: Option<Child>,
}

impl Process {
    fn new(name: &'static str, end: &'static str, ready: &'static str) -> Self {
        let folder = tempfile::Builder::new().prefix(&format!("voice-{name}-")).tempdir().unwrap();
        own(folder.path());
        Self { name, words: Vec::new(), end, ready, folder, address: free_address(), running: None }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn start(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = unprivileged("sh");
        command.args(["-c", KEEPER, "keeper"]).args(&self.words);
        command.env("END", self.end).env("FOLDER", self.folder.path());
        command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        let said_before = self.log().len();
        let mut child = command.spawn().unwrap();
        let begun = Instant::now();
        let is_ready = || {
            self.log().get(said_before..).is_some_and(|said| said.contains(self.ready))
                && TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok()
        };
        while !is_ready() {
            if begun.elapsed() > START || child.try_wait().unwrap().is_some() {
                panic!("{} did not start within {START:?} ({}):\n{}", self.name, self.words.join(" "), self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.running = Some(child);
    }

    /// Ends it at once, as a crash would. What it kept stays.
    fn stop(&mut self) {
        if let Some(mut child) = self.running.take() {
            let mut tell = child.stdin.take().unwrap();
            tell.write_all(b"stop\n").unwrap();
            drop(tell);
            child.wait().unwrap();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|this| std::os::unix::fs::MetadataExt::uid(&this) == 0)
}

/// Gives a folder, or a file, to whoever runs the servers.
pub(crate) fn own(folder: &Path) {
    if is_root() {
        std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

fn unprivileged(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if is_root() {
        std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
        std::os::unix::process::CommandExt::gid(&mut command, NOBODY);
    }
    command
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A PostgreSQL server of our own, with `fsync` on, whose user is `voice` with the password [`Postgres::PASSWORD`].
#[derive(Debug)]
pub struct Postgres(Process);

impl Postgres {
    /// The password of its user.
    pub const PASSWORD: &str = "pg-planted-secret";

    /// The one that the tests of this process share.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<Postgres> = OnceLock::new();
        SERVER.get_or_init(|| Self::start(&[]))
    }

    /// A server of its own, with these settings beside the usual ones.
    pub fn start(settings: &[&str]) -> Self {
        let mut process = Process::new("postgres", "QUIT", "ready to accept connections");
        let (data, password) = (process.path("data"), process.path("password"));
        fs::write(&password, Self::PASSWORD).unwrap();
        own(Path::new(&password));
        let password = format!("--pwfile={password}");
        run(unprivileged(&postgres_program("initdb"))
            .args(["-D", &data, "-U", "voice", "--auth=scram-sha-256", &password, "-E", "UTF8", "--locale=C"])
            .arg("--no-instructions"));
        let port = process.address.port().to_string();
        process.words = [&postgres_program("postgres"), "-D", &data, "-h", "127.0.0.1", "-p", &port, "-k", ""]
            .map(str::to_owned)
            .to_vec();
        for setting in ["fsync=on", "max_connections=200", "timezone=Asia/Kolkata"].iter().chain(settings) {
            process.words.extend(["-c".to_owned(), (*setting).to_owned()]);
        }
        process.start();
        Self(process)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// The address of the server behind `place`, which is [`address`](Self::address) or what stands before it, with the tables
    /// in a schema of their own.
    pub fn url_at(&self, place: SocketAddr, schema: &str) -> String {
        format!("postgres://voice:{}@{place}/postgres?sslmode=disable&schema={schema}", Self::PASSWORD)
    }

    /// The address of a schema that nobody has used yet.
    pub fn url(&self) -> String {
        self.url_at(self.address(), &fresh("s"))
    }

    /// A file in its folder, for settings that name one.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.folder.path().join(name)
    }

    /// Ends it at once.
    pub fn stop(&mut self) {
        self.0.stop();
    }

    /// Starts it again, with what it kept, where it was.
    pub fn start_again(&mut self) {
        self.0.start();
    }
}

/// A name that nobody has used yet.
pub fn fresh(prefix: &str) -> String {
    format!("{prefix}_{}", voice_core::SessionId::new().as_uuid().simple())
}

/// A program of the newest PostgreSQL that is installed.
fn postgres_program(name: &str) -> String {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin").join(name))))
        .filter(|(_, program)| program.is_file())
        .collect();
    found.sort();
    // Where it is not Debian's, it is on the path.
    found.pop().map_or_else(|| name.to_owned(), |(_, program)| program.to_str().unwrap().to_owned())
}

/// A program that `cargo xtask test servers` has built, copied to where anybody may run it.
fn built(name: &str, folder: &Path) -> String {
    let here = std::env::current_exe().unwrap();
    let tools =
        here.ancestors().map(|folder| folder.join("tools/servers").join(name)).find(|program| program.is_file());
    let program = tools.unwrap_or_else(|| panic!("the server {name} is not built: run `cargo xtask test servers`"));
    let copy = folder.join(name);
    fs::copy(program, &copy).unwrap();
    fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    copy.to_str().unwrap().to_owned()
}

/// A FerretDB server of our own: MongoDB's wire protocol, its documents in a PostgreSQL server.
#[derive(Debug)]
pub struct Mongo(Process);

impl Mongo {
    /// The one that the tests of this process share, on the PostgreSQL server that they share.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<Mongo> = OnceLock::new();
        SERVER.get_or_init(|| Self::start(Postgres::shared()))
    }

    /// A server of its own.
    pub fn start(postgres: &Postgres) -> Self {
        let mut process = Process::new("mongodb", "KILL", "");
        let program = built("mongodb", process.folder.path());
        let url = format!("postgres://voice:{}@{}/postgres?pool_max_conns=50", Postgres::PASSWORD, postgres.address());
        process.words = vec![program, process.address.to_string(), url];
        process.start();
        Self(process)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// The address of a database behind `place`, which is [`address`](Self::address) or what stands before it.
    pub fn url_at(&self, place: SocketAddr, database: &str) -> String {
        format!("mongodb://voice:{}@{place}/{database}?authMechanism=PLAIN", Postgres::PASSWORD)
    }

    /// The address of a database that nobody has used yet.
    pub fn url(&self) -> String {
        self.url_at(self.address(), &fresh("d"))
    }

    /// Ends it at once.
    pub fn stop(&mut self) {
        self.0.stop();
    }

    /// Starts it again, with what it kept, where it was.
    pub fn start_again(&mut self) {
        self.0.start();
    }
}

/// A server of the Model Context Protocol of our own, over HTTP.
#[derive(Debug)]
pub struct Mcp(Process);

impl Mcp {
    /// What opens it, as a bearer token.
    pub const TOKEN: &str = "mcp-planted-secret";

    /// A server of its own, which answers with `events` or with `json`.
    pub fn start(answers: &str) -> Self {
        let mut process = Process::new("mcp", "KILL", "");
        let program = built("mcp", process.folder.path());
        process.words = [program, process.address.to_string(), Self::TOKEN.into(), answers.into()].to_vec();
        process.start();
        Self(process)
    }

    /// The program by itself, which speaks over its standard input and output, copied into `folder`.
    pub fn program(folder: &Path) -> String {
        built("mcp", folder)
    }

    /// Where it is reached.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.0.address)
    }

    /// Ends it at once.
    pub fn stop(&mut self) {
        self.0.stop();
    }

    /// Starts it again where it was. Of the sessions before it knows nothing.
    pub fn start_again(&mut self) {
        self.0.start();
    }
}

/// A Versity gateway of our own: the S3 protocol over a folder.
#[derive(Debug)]
pub struct S3(Process);

impl S3 {
    /// The key of its one account.
    pub const KEY: &str = "voice-tests";
    /// That key's secret.
    pub const SECRET: &str = "s3-planted-secret";
    /// Its bucket.
    pub const BUCKET: &str = "recordings";

    /// The one that the tests of this process share.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<S3> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    /// A server of its own.
    pub fn start() -> Self {
        let mut process = Process::new("s3", "KILL", "");
        let program = built("versitygw", process.folder.path());
        let (data, attributes) = (process.path("data"), process.path("attributes"));
        for folder in [&data, &attributes, &format!("{data}/{}", Self::BUCKET)] {
            fs::create_dir(folder).unwrap();
            own(Path::new(folder));
        }
        process.words = vec![program, "--port".into(), process.address.to_string()];
        process
            .words
            .extend(["--access", Self::KEY, "--secret", Self::SECRET, "--region", "us-east-1"].map(str::to_owned));
        // Attributes in files: not every file system of a test machine keeps them by itself.
        process.words.extend(["posix".into(), "--sidecar".into(), attributes, data]);
        process.start();
        Self(process)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Ends it at once.
    pub fn stop(&mut self) {
        self.0.stop();
    }

    /// Starts it again, with what it kept, where it was.
    pub fn start_again(&mut self) {
        self.0.start();
    }
}
