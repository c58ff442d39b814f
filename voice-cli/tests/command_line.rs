//! The command as a person or a script uses it: what it prints where, and its exit status.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The command with a folder of its own for everything that it keeps; models come from where the tests have them.
    fn command(&self, arguments: &[&str]) -> Command {
        let models = std::env::var_os("VOICE_CORE_MODELS").map(PathBuf::from);
        let models = models.unwrap_or_else(|| dirs_of_user().join("voice-core/models"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_voice-core"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env_remove("OPENAI_API_KEY")
            .env("XDG_DATA_HOME", self.path("data"))
            .env("VOICE_CORE_MODELS", models);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

fn dirs_of_user() -> PathBuf {
    std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".local/share"))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {} {}", stdout(output), stderr(output)))
}

/// A second of a quiet tone: 8 kHz, two channels, 16 bit.
fn tone(path: &Path) {
    let mut wav = Vec::new();
    let samples: Vec<i16> = (0..16_000).map(|n| ((f64::from(n / 2) * 0.35).sin() * 8_000.0) as i16).collect();
    let size = samples.len() as u32 * 2;
    wav.extend(b"RIFF");
    wav.extend((size + 36).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1_u16, 2].iter().flat_map(|n| n.to_le_bytes()));
    wav.extend([8_000_u32, 32_000].iter().flat_map(|n| n.to_le_bytes()));
    wav.extend([4_u16, 16].iter().flat_map(|n| n.to_le_bytes()));
    wav.extend(b"data");
    wav.extend(size.to_le_bytes());
    wav.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
    std::fs::write(path, wav).unwrap();
}

#[test]
fn a_wrong_use_is_status_2_and_says_how_to_use_it() {
    let desk = Desk::new();
    for arguments in [&[][..], &["converse"], &["conserve", "x.wav"], &["audio"], &["models", "burn"]] {
        let output = desk.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains("Usage"), "{}", stderr(&output));
    }
}

#[test]
fn a_recording_is_described_and_converted() {
    let desk = Desk::new();
    tone(&desk.path("odd name.bin"));
    let output = desk.run(&["audio", "odd name.bin", "--out", "ok.wav"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("wav, pcm_s16le, 8000 Hz, 2 channels, 1.000 s"), "{}", stdout(&output));

    let output = desk.run(&["--json", "audio", "ok.wav"]);
    let found = json(&output);
    assert_eq!(
        (found["sample_rate"].as_u64(), found["channels"].as_u64(), found["seconds"].as_f64()),
        (Some(16_000), Some(1), Some(1.0))
    );
}

#[test]
fn what_is_no_recording_is_status_1_and_the_errors_code() {
    let desk = Desk::new();
    std::fs::write(desk.path("letter.txt"), "Dear reader, this is not a sound.".repeat(9)).unwrap();
    let output = desk.run(&["audio", "letter.txt"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    assert!(stderr(&output).starts_with("VALIDATION_ERROR"), "{}", stderr(&output));

    let output = desk.run(&["audio", "letter.txt", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["error"], "VALIDATION_ERROR");

    let output = desk.run(&["audio", "nowhere.wav", "--json"]);
    assert_eq!(
        (json(&output)["error"].as_str(), json(&output)["kind"].as_str()),
        (Some("INVALID_REQUEST"), Some("file"))
    );
}

#[test]
fn missing_models_are_told_with_the_command_that_fetches_them() {
    let desk = Desk::new();
    tone(&desk.path("question.wav"));
    let output =
        desk.command(&["converse", "question.wav"]).env("VOICE_CORE_MODELS", desk.path("empty")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("voice-core models fetch"), "{}", stderr(&output));
}

#[test]
fn a_missing_key_is_told_with_its_variable() {
    let desk = Desk::new();
    let output = desk.run(&["converse", "--text", "hello", "--llm", "openai", "--storage", "memory", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let error = json(&output);
    assert_eq!(error["error"], "INVALID_PROVIDER_KEY");
    assert!(error["message"].as_str().unwrap().contains("OPENAI_API_KEY"), "{error}");
}

#[test]
fn models_are_listed_with_their_licences() {
    let desk = Desk::new();
    let rows = json(&desk.run(&["models", "list", "--json"]));
    let rows = rows.as_array().unwrap();
    for name in ["moonshine-tiny-en", "smollm2-135m-instruct", "kokoro-82m", "english"] {
        let row = rows.iter().find(|row| row["name"] == name).unwrap();
        assert_eq!((row["present"].as_bool(), row["default"].as_bool()), (Some(true), Some(true)), "{row}");
        assert!(!row["licence"].as_str().unwrap().is_empty());
    }
    let output = desk.run(&["models", "list", "--models", "none-here"]);
    assert!(output.status.success() && !stdout(&output).contains(" there "), "{}", stdout(&output));
}

#[test]
fn a_recording_gets_a_spoken_answer_that_is_kept() {
    let desk = Desk::new();
    let models =
        desk.command(&[]).get_envs().find(|(key, _)| *key == "VOICE_CORE_MODELS").unwrap().1.unwrap().to_owned();
    let recording = Path::new(&models).join("test-audio/beckett.wav");
    let output = desk.run(&["converse", recording.to_str().unwrap(), "--out", "a.wav", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let reply = json(&output);
    assert!(reply["transcript"].as_str().unwrap().to_lowercase().contains("fail"), "{reply}");
    assert!(!reply["text"].as_str().unwrap().is_empty());
    assert!(reply["audio"]["seconds"].as_f64().unwrap() > 0.3);
    let answer = json(&desk.run(&["audio", "a.wav", "--json"]));
    assert_eq!(answer["sample_rate"], 24_000);

    // The same conversation goes on from another process, from standard input.
    let session = reply["session_id"].as_str().unwrap();
    let arguments = ["converse", "-", "--session", session, "--out", "b.ogg", "--json"];
    let mut child =
        desk.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(&recording).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(json(&output)["session_id"], session);
    assert_eq!(json(&desk.run(&["audio", "b.ogg", "--json"]))["codec"], "opus");
}

#[test]
fn fetching_what_is_there_fetches_nothing() {
    let output = Desk::new().run(&["models", "fetch", "default", "test-audio", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let fetched = json(&output);
    assert_eq!(fetched["downloaded_bytes"], 0, "{fetched}");
    assert!(fetched["already_there"].as_u64().unwrap() >= 10, "{fetched}");
}

#[test]
fn the_folder_of_the_models_can_be_named_before_and_after_the_action() {
    let desk = Desk::new();
    for arguments in [["models", "--models", "here", "list"], ["models", "list", "--models", "here"]] {
        let output = desk.run(&arguments);
        assert!(stdout(&output).starts_with("models in here\n"), "{}", stderr(&output));
    }
}

#[test]
fn a_chat_keeps_to_one_session_and_ends_with_its_input() {
    let desk = Desk::new();
    let mut child = desk
        .command(&["chat", "--json", "--tts", "none"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"Hello.\nHow are you?\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let replies: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(replies.len(), 2, "{}", stdout(&output));
    assert_eq!(replies[0]["session_id"], replies[1]["session_id"]);
    assert_eq!(replies[1]["transcript"], "How are you?");
}

#[test]
fn voices_are_listed_and_one_is_heard() {
    let desk = Desk::new();
    let listed = json(&desk.run(&["voices", "--tts", "local", "--language", "en-GB", "--json"]));
    let voices = listed["items"].as_array().unwrap();
    assert!(listed["has_more"] == false && !voices.is_empty(), "{listed}");
    assert!(voices.iter().all(|voice| voice["languages"] == serde_json::json!(["en-GB"])), "{listed}");
    let shown = desk.run(&["voices", "list", "--tts", "local"]);
    assert!(
        stdout(&shown).lines().any(|line| line.starts_with("af_heart ") && line.contains("Heart")),
        "{}",
        stdout(&shown)
    );

    let file = desk.path("heart.ogg");
    let preview =
        ["voices", "preview", "af_heart", "--tts", "local", "--text", "Good day.", "--set", "speed=2", "--json"];
    let told = json(&desk.run(&[&preview[..], &["--out", file.to_str().unwrap()]].concat()));
    assert_eq!((told["provider"].as_str(), told["voice"].as_str()), (Some("local/kokoro-82m"), Some("af_heart")));
    assert_eq!((told["text"].as_str(), told["usage"]["tts_characters"].as_u64()), (Some("Good day."), Some(9)));
    let about = json(&desk.run(&["audio", file.to_str().unwrap(), "--json"]));
    let (said, heard) = (told["audio"]["seconds"].as_f64().unwrap(), about["seconds"].as_f64().unwrap());
    assert!(said > 0.2 && (said - heard).abs() < 0.1, "{told} {about}");
}

#[test]
fn a_voice_that_cannot_be_heard_is_status_1_and_says_why() {
    let desk = Desk::new();
    for (arguments, code, words) in [
        (&["voices", "preview", "nobody", "--tts", "local"][..], "INVALID_REQUEST", "nobody"),
        (
            &["voices", "preview", "af_heart", "--tts", "local", "--set", "speed=99"],
            "VALIDATION_ERROR",
            "settings.speed",
        ),
        (
            &["voices", "preview", "af_heart", "--tts", "local", "--set", "pitch=1"],
            "INVALID_REQUEST",
            "tts.settings.pitch",
        ),
        (&["voices", "--tts", "elevenlabs"], "INVALID_PROVIDER_KEY", "ELEVENLABS_API_KEY"),
    ] {
        let output = desk.run(&[arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let told = stderr(&output) + &stdout(&output);
        assert!(told.contains(code) && told.contains(words), "{arguments:?}: {told}");
    }
    let output = desk.run(&["voices", "preview", "af_heart", "--set", "speed"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("NAME=VALUE"), "{}", stderr(&output));
}

#[test]
fn what_cannot_end_well_is_refused_before_anything_is_paid_for() {
    let desk = Desk::new();
    std::fs::write(desk.path("a-file"), "").unwrap();
    std::fs::create_dir(desk.path("no-programs")).unwrap();
    // Without a key, a model that is asked would be told first.
    let cloud = ["--llm", "openai", "--tts", "openai", "--storage", "memory", "--json"];
    for (arguments, words) in [
        (&["converse", "--text", "hello", "--out", "x.m4a"][..], ".mp3"),
        (&["converse", "--text", "hello", "--out", "nowhere/x.wav"], "nowhere"),
        (&["converse", "--text", "hello", "--play"], "--play"),
        (&["chat", "--play"], "--play"),
        (&["chat", "--out-dir", "a-file/answers"], "a-file"),
    ] {
        let output =
            desk.command(&[arguments, &cloud].concat()).env("PATH", desk.path("no-programs")).output().unwrap();
        let error = json(&output);
        assert_eq!((output.status.code(), error["kind"].as_str()), (Some(1), Some("file")), "{arguments:?}: {error}");
        assert!(error["message"].as_str().unwrap().contains(words), "{arguments:?}: {error}");
    }
    let preview = desk.run(&["voices", "preview", "alloy", "--tts", "openai", "--out", "x.m4a", "--json"]);
    assert_eq!(json(&preview)["kind"], "file");
    assert_eq!(json(&desk.run(&["audio", "a-file", "--out", "x.m4a", "--json"]))["kind"], "file");
}

#[test]
fn an_answer_that_cannot_be_kept_does_not_end_the_chat() {
    let desk = Desk::new();
    // Where the first answer should go, there is a folder.
    std::fs::create_dir_all(desk.path("new/answers/answer-1.wav")).unwrap();
    let mut child = desk
        .command(&["chat", "--json", "--out-dir", "new/answers"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"Hello.\nHow are you?\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let replies: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(replies.len(), 2, "{}", stdout(&output));
    assert!(replies[0]["audio"]["file"].is_null() && stderr(&output).contains("answer-1.wav"), "{}", stderr(&output));
    assert!(desk.path("new/answers/answer-2.wav").is_file());
}

#[cfg(unix)]
#[test]
fn a_player_is_given_wav_whatever_is_written_and_what_fails_at_the_end_is_one_document() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    std::fs::create_dir(desk.path("bin")).unwrap();
    let preview = |status: u8| {
        let player = desk.path("bin/afplay");
        std::fs::write(&player, format!("#!/bin/sh\n/bin/cp \"$1\" played\nexit {status}\n")).unwrap();
        std::fs::set_permissions(&player, PermissionsExt::from_mode(0o755)).unwrap();
        let arguments = ["voices", "preview", "af_heart", "--tts", "local", "--text", "Good day.", "--play", "--json"];
        desk.command(&[&arguments[..], &["--out", "heart.ogg"]].concat())
            .env("PATH", desk.path("bin"))
            .output()
            .unwrap()
    };
    let output = preview(0);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(std::fs::read(desk.path("played")).unwrap()[..4], *b"RIFF");
    assert_eq!(std::fs::read(desk.path("heart.ogg")).unwrap()[..4], *b"OggS");

    let told = json(&preview(1));
    assert_eq!((told["kind"].as_str(), told["result"]["voice"].as_str()), (Some("file"), Some("af_heart")), "{told}");
}

#[test]
fn damaged_models_are_told_in_one_document_with_the_command_that_mends_them() {
    let desk = Desk::new();
    let file = r#"{"sha256": "00", "bytes": 1, "licence": "MIT", "source": "somewhere"}"#;
    let names = ["english/words.txt", "kokoro-82m/model.bin", "kokoro-82m/voices.bin"];
    let files: Vec<String> = names.iter().map(|name| format!("\"{name}\": {file}")).collect();
    std::fs::create_dir(desk.path("here")).unwrap();
    let manifest = format!("{{\"format\": 1, \"files\": {{{}}}}}", files.join(", "));
    std::fs::write(desk.path("here/manifest.json"), manifest).unwrap();
    let output = desk.run(&["models", "verify", "--models", "here", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let told = json(&output);
    assert_eq!(told["result"][0]["state"], "missing", "{told}");
    let message = told["message"].as_str().unwrap();
    assert!(message.contains("`voice-core models fetch kokoro-82m english`"), "{message}");
}

#[test]
fn a_log_level_in_the_words_of_other_programs_is_known_and_a_bad_one_is_told() {
    let desk = Desk::new();
    tone(&desk.path("a.wav"));
    for (level, told) in
        [("WARNING", false), (" Fatal ", false), ("", false), ("loud", true), ("info,hyper=warn", true)]
    {
        let output = desk.command(&["audio", "a.wav"]).env("LOG_LEVEL", level).output().unwrap();
        assert!(output.status.success(), "{level}: {}", stderr(&output));
        assert_eq!(stderr(&output).contains("LOG_LEVEL is none of"), told, "{level}: {}", stderr(&output));
    }
}
