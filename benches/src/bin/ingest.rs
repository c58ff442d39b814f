//! How fast recordings become 16 kHz mono, beside the usual ways in the same run.
//!
//! `ingest [PYTHON]`: with a Python that has `av`, `soundfile`, `soxr` and `numpy`, the peers of `peers/ingest_peers.py` are
//! measured too. Inputs are made with ffmpeg in `target/ingest`. Exits with 1 when a bar is missed.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

use voice_bench::bars;
use voice_core::{Audio, AudioLimits, audio::prepare};

/// Name, file ending, and how ffmpeg makes it.
const FORMATS: [(&str, &str, &[&str]); 7] = [
    ("WAV 48 kHz", "wav", &["-c:a", "pcm_s16le"]),
    ("µ-law 8 kHz", "ulaw.wav", &["-c:a", "pcm_mulaw", "-ar", "8000"]),
    ("MP3", "mp3", &["-c:a", "libmp3lame", "-b:a", "128k"]),
    ("FLAC", "flac", &["-c:a", "flac"]),
    ("Vorbis", "ogg", &["-c:a", "libvorbis", "-q:a", "4"]),
    ("WebM Opus", "webm", &["-c:a", "libopus", "-b:a", "32k"]),
    ("M4A AAC", "m4a", &["-c:a", "aac", "-b:a", "96k"]),
];
const SECONDS: [u32; 3] = [5, 30, 300];
/// The most memory, over that of file and result together.
const MEMORY: f64 = 1.2;
/// How much faster than ffprobe and ffmpeg a short recording is to be prepared.
const TIMES_TWO_PROCESSES: f64 = 25.0;
const PEERS: [&str; 3] = ["two processes", "pyav", "soundfile+soxr"];

#[allow(clippy::print_stdout, clippy::print_stderr)]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, warm, path] = &arguments[..]
        && flag == "--memory"
    {
        return memory(Path::new(warm), Path::new(path));
    }
    let folder = Path::new("target/ingest");
    if let Err(error) = std::fs::create_dir_all(folder) {
        eprintln!("{} cannot be made: {error}", folder.display());
        return ExitCode::from(2);
    }
    let mut kept = true;
    println!(
        "ms to 16 kHz mono, best of several runs; in brackets theirs over ours; peak memory over that of file and result"
    );
    println!(
        "{:12} {:>6} {:>9} {:>22} {:>16} {:>22} {:>11}  bars",
        "input", "s long", "ours", PEERS[0], PEERS[1], PEERS[2], "peak memory"
    );
    for (name, ending, options) in FORMATS {
        for seconds in SECONDS {
            let path = folder.join(format!("{seconds}.{ending}"));
            if let Err(why) = make(&path, seconds, options) {
                eprintln!("{why}");
                return ExitCode::from(2);
            }
            let Some(ours) = ours(&path) else {
                eprintln!("{} was refused", path.display());
                return ExitCode::from(2);
            };
            let peers = arguments.first().map(|python| peers(python, &path)).unwrap_or_default();
            let cells: Vec<String> = (0..PEERS.len())
                .map(|i| {
                    peers.get(i).copied().flatten().map_or("-".into(), |ms| format!("{ms:.1} ({:.1}x)", ms / ours))
                })
                .collect();
            let share = peak_share(&folder.join(format!("{}.{ending}", SECONDS[0])), &path);
            let behind = |i: usize, times: f64| peers.get(i).copied().flatten().is_some_and(|ms| ms < ours * times);
            let bars = match seconds {
                300 => vec![
                    ("behind PyAV", behind(1, 1.0)),
                    ("behind soundfile+soxr", behind(2, 1.0)),
                    ("memory", share.is_some_and(|share| share > MEMORY)),
                ],
                5 => vec![("against two processes", behind(0, TIMES_TWO_PROCESSES))],
                _ => Vec::new(),
            };
            let missed: Vec<&str> = bars.iter().filter(|bar| bar.1).map(|bar| bar.0).collect();
            kept &= missed.is_empty();
            println!(
                "{name:12} {seconds:>6} {ours:>9.2} {:>22} {:>16} {:>22} {:>11}  {}",
                cells[0],
                cells[1],
                cells[2],
                share.map_or("-".into(), |share| format!("{share:.2}")),
                match (&bars[..], &missed[..]) {
                    ([], _) => String::new(),
                    (_, []) => "ok".into(),
                    (_, missed) => format!("MISSED: {}", missed.join(", ")),
                },
            );
        }
    }
    println!(
        "bars: at 300 s ahead of PyAV and of soundfile+soxr, and memory at most {MEMORY} times file and result together; at 5 s \
         {TIMES_TWO_PROCESSES} times as fast as two processes"
    );
    bars::verdict(Ok(kept))
}

/// A recording of noise that swells like speech, so that no codec has an easy time.
fn make(path: &Path, seconds: u32, options: &[&str]) -> Result<(), String> {
    if path.exists() {
        return Ok(());
    }
    let source = format!(
        "aevalsrc='(0.05+0.5*max(0,sin(14*t)))*(0.4*sin(2*PI*(140+30*sin(t))*t)+0.2*sin(2*PI*900*t+3*sin(5*t))+0.05*random(0))':s=48000:d={seconds}"
    );
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &source])
        .args(options)
        .arg(path)
        .output();
    match made {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(format!("ffmpeg failed: {}", String::from_utf8_lossy(&done.stderr))),
        Err(error) => Err(format!("ffmpeg cannot be started ({error}): `apt-get install -y ffmpeg`")),
    }
}

/// The best time of ours in milliseconds, from bytes in memory.
fn ours(path: &Path) -> Option<f64> {
    let bytes = std::fs::read(path).ok()?;
    let audio = Audio::from_bytes(bytes);
    let limits = limits();
    let runs = 9;
    (0..runs)
        .map(|_| {
            let begun = Instant::now();
            prepare(&audio, &limits).ok().map(|_| begun.elapsed().as_secs_f64() * 1e3)
        })
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .reduce(f64::min)
}

/// Room for a 300 s file whose codec adds padding, and for its 29 MB as WAV.
fn limits() -> AudioLimits {
    let mut limits = AudioLimits::default();
    limits.max_bytes = 64 << 20;
    limits.max_seconds = 310.0;
    limits
}

/// The peers' best times in the order of [`PEERS`].
fn peers(python: &str, path: &Path) -> Vec<Option<f64>> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers/ingest_peers.py");
    let Ok(done) = Command::new(python).arg(script).arg(path).output() else { return Vec::new() };
    String::from_utf8_lossy(&done.stdout).split_whitespace().map(|cell| cell.parse().ok()).collect()
}

/// Our peak of memory over file plus result, measured in a process of its own that has decoded a short recording of the
/// same format before, so that code and tables are not counted as the recording's.
fn peak_share(warm: &Path, path: &Path) -> Option<f64> {
    let done = Command::new(std::env::current_exe().ok()?).arg("--memory").arg(warm).arg(path).output().ok()?;
    String::from_utf8_lossy(&done.stdout).trim().parse().ok()
}

#[allow(clippy::print_stdout)]
fn memory(warm: &Path, path: &Path) -> ExitCode {
    let high_water = || {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    };
    let measured = (|| {
        prepare(&Audio::from_path(warm).ok()?, &limits()).ok()?;
        let before = high_water()?;
        let audio = Audio::from_path(path).ok()?;
        let heard = prepare(&audio, &limits()).ok()?;
        let used = (high_water()? - before) * 1024.0;
        Some(used / (heard.info.bytes as f64 + heard.samples.len() as f64 * 2.0))
    })();
    match measured {
        Some(share) => {
            println!("{share:.4}");
            ExitCode::SUCCESS
        }
        None => ExitCode::FAILURE,
    }
}
