//! The end of a turn, heard with smart-turn: a small network on Whisper's encoder that was trained on people who pause and
//! people who are done, in 23 languages.
//!
//! Source: the files and the features of smart-turn v3 (Daily, 2025), which are Whisper's with eight seconds of sound.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use rten::{Model, NodeId, RunOptions, ThreadPool};
use rten_tensor::{NdTensor, Tensor, prelude::*};

use super::{
    mel::{HOP, MelScale},
    models::ModelDir,
    runtime::{LoadOnce, ThreadBudget, load_onnx, model_pool, off_thread},
};
use crate::{
    audio::{SPEECH_RATE, Utterance},
    error::{Error, ErrorKind, Result},
    provider::{CallContext, TurnDetector},
};

/// Its folder in a [`ModelDir`] and its file there.
const FOLDER: &str = "smart-turn";
const FILE: &str = "smart-turn-v3.2-cpu.onnx";
/// What the network hears: the latest eight seconds.
const WINDOW: usize = 8 * SPEECH_RATE as usize;
const BANDS: usize = 80;
/// Half of a window of the spectrogram, which reaches beyond the end.
const REACH: usize = 200;

static NETWORKS: LoadOnce<Network> = LoadOnce::new();

/// Hears the end of a turn on this machine's CPU, on one run of the network a pause.
///
/// The network is loaded on first use or by [`warm_up`](TurnDetector::warm_up), once per process.
#[derive(Clone)]
pub struct SmartTurn(Arc<Engine>);

struct Engine {
    file: PathBuf,
    threads: ThreadBudget,
    loaded: OnceLock<(Arc<Network>, Arc<ThreadPool>)>,
}

impl SmartTurn {
    /// The network from `smart-turn` in the model directory.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `ModelMissing`) when it is not there: `voice-core models fetch smart-turn` fetches it.
    pub fn open(models: &ModelDir) -> Result<Self> {
        let file = models.path().join(FOLDER).join(FILE);
        if !file.is_file() {
            return Err(Error::new(
                ErrorKind::ModelMissing,
                format!("{} is not there yet; run `voice-core models fetch {FOLDER}`", file.display()),
            ));
        }
        Ok(Self(Arc::new(Engine { file, threads: ThreadBudget::default(), loaded: OnceLock::new() })))
    }

    /// Sets how many threads it may keep busy. Default: see [`ThreadBudget`].
    #[must_use]
    pub fn with_threads(self, threads: ThreadBudget) -> Self {
        let file = self.0.file.clone();
        Self(Arc::new(Engine { file, threads, loaded: OnceLock::new() }))
    }

    async fn ask(&self, samples: Arc<Vec<i16>>) -> Result<f32> {
        let engine = Arc::clone(&self.0);
        off_thread(move || {
            let (network, pool) = engine.loaded()?;
            network.completeness(&samples, pool)
        })
        .await
    }
}

impl std::fmt::Debug for SmartTurn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmartTurn").field("file", &self.0.file).finish_non_exhaustive()
    }
}

#[async_trait]
impl TurnDetector for SmartTurn {
    fn name(&self) -> &str {
        "local/smart-turn"
    }

    async fn completeness(&self, said: Utterance, ctx: &CallContext) -> Result<f32> {
        ctx.check()?;
        self.ask(said.samples).await
    }

    async fn warm_up(&self) -> Result<()> {
        self.ask(Arc::default()).await.map(drop)
    }
}

impl Engine {
    fn loaded(&self) -> Result<&(Arc<Network>, Arc<ThreadPool>)> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let network = NETWORKS.get_or_load(&self.file, || Network::load(&self.file))?;
        Ok(self.loaded.get_or_init(|| (network, model_pool(self.threads))))
    }
}

struct Network {
    model: Model,
    features_in: NodeId,
    done_out: NodeId,
    mel: MelScale,
}

impl Network {
    fn load(file: &std::path::Path) -> Result<Self> {
        let model = load_onnx(file)?;
        let unexpected = || {
            Error::new(
                ErrorKind::ModelMissing,
                format!("{} is not smart-turn; `voice-core models fetch {FOLDER}` replaces it", file.display()),
            )
        };
        let features_in = model.find_node("input_features").ok_or_else(unexpected)?;
        let done_out = *model.output_ids().first().ok_or_else(unexpected)?;
        Ok(Self { model, features_in, done_out, mel: MelScale::new(BANDS) })
    }

    fn completeness(&self, samples: &[i16], pool: &Arc<ThreadPool>) -> Result<f32> {
        let frames = WINDOW / HOP;
        let features = self.mel.spectrogram(&window(samples), frames);
        let features = NdTensor::from_data([1, BANDS, frames], features);
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(pool)));
        let [done] =
            self.model.run_n(vec![(self.features_in, features.into())], [self.done_out], Some(options)).map_err(
                |e| Error::internal(format!("the network that hears the end of turns did not run: {e}")).with_source(e),
            )?;
        let done: Option<Tensor<f32>> = done.try_into().ok();
        let done = done.and_then(|done| done.iter().next().copied());
        done.ok_or_else(|| Error::internal("the network that hears the end of turns gave no number"))
    }
}

/// The latest eight seconds, after silence where there are fewer, brought to a mean of 0 and a variance of 1, and mirrored
/// at the end as far as the spectrogram reaches.
fn window(samples: &[i16]) -> Vec<f32> {
    let latest = &samples[samples.len().saturating_sub(WINDOW)..];
    let mut all = vec![0.0_f32; WINDOW - latest.len()];
    all.extend(latest.iter().map(|&sample| f32::from(sample) / 32_768.0));
    let mean = all.iter().sum::<f32>() / WINDOW as f32;
    let variance = all.iter().map(|sample| (sample - mean).powi(2)).sum::<f32>() / WINDOW as f32;
    let scale = (variance + 1e-7).sqrt().recip();
    all.iter_mut().for_each(|sample| *sample = (*sample - mean) * scale);
    all.extend_from_within(WINDOW - 1 - REACH..WINDOW - 1);
    all[WINDOW..].reverse();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_ends_with_the_sound_and_is_scaled() {
        let short = window(&[1_000; 16]);
        assert_eq!(short.len(), WINDOW + REACH);
        assert!(short[WINDOW - 1] > short[0]);
        assert_eq!(short[WINDOW], short[WINDOW - 2], "mirrored at the last sample");
        let mean = short[..WINDOW].iter().sum::<f32>() / WINDOW as f32;
        assert!(mean.abs() < 1e-3, "{mean}");
        let long: Vec<i16> = (0..WINDOW + 10).map(|n| if n < 10 { 30_000 } else { (n % 7) as i16 }).collect();
        assert!(window(&long).iter().all(|sample| sample.abs() < 10.0), "what is older than the window is not heard");
    }

    #[test]
    fn silence_is_a_window_as_well() {
        assert!(window(&[]).iter().all(|sample| sample.is_finite()));
    }
}
