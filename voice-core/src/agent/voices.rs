//! The voices of text to speech: which there are, and how one sounds.

use std::{collections::HashSet, fmt, sync::Arc};

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{VoiceAgent, check, reach::Reach, samples};
use crate::{
    audio::Pcm,
    config::{check_language, check_voice_id, check_voice_settings},
    cost::{Cost, Usage},
    error::{Error, ErrorKind, Result, Stage},
    id::{OrganizationId, SessionId},
    layer::{Stack, TtsService},
    provider::{CallContext, Voice, VoiceChoice, VoicesRequest},
    store::{Page, Session},
    turn::Engine,
};

/// The most voices of one list.
const MOST_VOICES: usize = 10_000;
/// The most pages of a provider that are read for one.
const MOST_PAGES: usize = 200;
/// The longest text of a preview, in characters.
const LONGEST_TEXT: usize = 500;
/// The longest name of a provider, with its model, in characters.
const LONGEST_PROVIDER: usize = 200;

/// The voices of the agent's text to speech, and of every other that its assistants may name. Made by [`VoiceAgent::voices`] and
/// [`ScopedAgent::voices`](super::ScopedAgent::voices).
///
/// ```no_run
/// # async fn example(agent: voice_core::VoiceAgent) -> voice_core::Result<()> {
/// use voice_core::agent::{PreviewOptions, VoiceQuery};
///
/// for voice in agent.voices().list(VoiceQuery::in_language("en")).await?.items {
///     println!("{}  {}", voice.id, voice.name);
/// }
/// let preview = agent.voices().preview(PreviewOptions::of("af_heart").setting("speed", 1.1)).await?;
/// preview.audio.save("af_heart.wav")
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Voices {
    agent: VoiceAgent,
    reach: Reach,
}

/// Which voices to list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VoiceQuery {
    /// Whose: one of the agent's own list, by the name in its config or that of errors (`elevenlabs`, `openai/gpt-4o-mini-tts`), else
    /// any that an assistant may name. Default: the first of the agent's own.
    pub provider: Option<String>,
    /// Only those that can be asked to speak this language (BCP 47): see [`Voice::speaks`].
    pub language: Option<String>,
    /// The most voices (1–10,000). Default 10,000.
    pub limit: usize,
}

impl Default for VoiceQuery {
    fn default() -> Self {
        Self { provider: None, language: None, limit: MOST_VOICES }
    }
}

impl VoiceQuery {
    /// The voices of a provider.
    #[must_use]
    pub fn of(provider: impl Into<String>) -> Self {
        Self { provider: Some(provider.into()), ..Self::default() }
    }

    /// The voices that speak a language (BCP 47).
    #[must_use]
    pub fn in_language(tag: impl Into<String>) -> Self {
        Self { language: Some(tag.into()), ..Self::default() }
    }
}

/// What is to be heard of which voice. `Debug` leaves the words out.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct PreviewOptions {
    /// Whose voice, as in a [`VoiceQuery`]. Default: the first of the agent's own.
    pub provider: Option<String>,
    /// Which voice, by its id. Default: the provider's own.
    pub voice: Option<String>,
    /// How it is to speak, above what the config says: `stability`, `similarity`, `style`, `speed`, as far as the provider has them, and what
    /// only it knows.
    pub settings: Map<String, Value>,
    /// What it says: 1–500 characters. Default: a short greeting in its language.
    pub text: Option<String>,
    /// The language of the text (BCP 47). Default: the voice's, if nothing is said of the text, either.
    pub language: Option<String>,
}

impl PreviewOptions {
    /// A voice, by its id.
    #[must_use]
    pub fn of(voice: impl Into<String>) -> Self {
        Self { voice: Some(voice.into()), ..Self::default() }
    }

    /// Sets how it is to speak.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }
}

impl fmt::Debug for PreviewOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreviewOptions")
            .field("provider", &self.provider)
            .field("voice", &self.voice)
            .field("settings", &self.settings.keys().collect::<Vec<_>>())
            .field("characters", &self.text.as_ref().map(|text| text.chars().count()))
            .field("language", &self.language)
            .finish()
    }
}

/// How a voice sounds. `Debug` leaves the words and the sound out.
#[derive(Clone)]
#[non_exhaustive]
pub struct VoicePreview {
    /// Who spoke: the provider and its model, for example `elevenlabs/eleven_flash_v2_5`.
    pub provider: String,
    /// The voice that was asked for; `None`: the provider's own.
    pub voice: Option<String>,
    /// What was said.
    pub text: String,
    /// In which language (BCP 47), if that was known.
    pub language: Option<String>,
    /// How it sounds.
    pub audio: Pcm,
    /// What was used.
    pub usage: Usage,
    /// What that cost; `None` without a price.
    pub cost: Option<Cost>,
}

impl fmt::Debug for VoicePreview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VoicePreview")
            .field("provider", &self.provider)
            .field("voice", &self.voice)
            .field("characters", &self.text.chars().count())
            .field("language", &self.language)
            .field("audio", &self.audio)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

impl Voices {
    pub(super) fn new(agent: VoiceAgent, reach: Reach) -> Self {
        Self { agent, reach }
    }

    /// With the credentials of one organization.
    #[must_use]
    pub fn of(mut self, organization: OrganizationId) -> Self {
        self.reach = self.reach.within(organization);
        self
    }

    /// The voices of a provider, in its order, each once; all of its pages are read, 200 at most. Dropping the future cancels.
    ///
    /// Every page has the rate limit, retries and time-outs of speech; all together have the deadline of a turn.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a limit that is out of range, a language that is none, or a provider that is not there;
    /// `INVALID_REQUEST`: of kind `Unsupported` when the provider does not say which voices it has, of kind `InvalidConfig` when the
    /// agent has no text to speech; `TIMEOUT`; whatever the provider says.
    pub async fn list(&self, query: VoiceQuery) -> Result<Page<Voice>> {
        if !(1..=MOST_VOICES).contains(&query.limit) {
            let limit = query.limit;
            return Err(check::invalid(format!("limit: {limit} is out of range; 1 to {MOST_VOICES} is accepted")));
        }
        asked(query.provider.as_deref(), query.language.as_deref())?;
        let stack = self.speaker(query.provider.as_deref(), &VoiceChoice::default()).await?;
        let (mut found, limit) = (Vec::new(), query.limit);
        let ends = self.each(&stack, query.language, |voice| {
            found.push(voice);
            found.len() <= limit
        });
        let ends = ends.await?;
        let mut page = Page::cut(found, limit);
        page.has_more |= !ends;
        Ok(page)
    }

    /// Has a voice speak a few words. Nothing is stored. Dropping the future cancels.
    ///
    /// The words take the way of every speech: with rate limit, retries, time-outs and the deadline of a turn, with costs, and
    /// reported as a turn of the kind `preview`. There is no fallback: another voice would be none of use.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a text or a setting that cannot be, or a provider that is not there; `INVALID_REQUEST`: of kind
    /// `InvalidConfig` for a setting that the provider does not know, of kind `Unsupported` when it has one voice only; whatever the
    /// provider says.
    pub async fn preview(&self, options: PreviewOptions) -> Result<VoicePreview> {
        asked(options.provider.as_deref(), options.language.as_deref())?;
        if let Some(text) = &options.text {
            check::name("text", text, 1, LONGEST_TEXT)?;
            if !text.chars().any(char::is_alphanumeric) {
                return Err(check::invalid("text: expected something to say, or leave it out"));
            }
        }
        options.voice.as_deref().map_or(Ok(()), |id| check_voice_id("voice", id))?;
        check_voice_settings("settings", &options.settings)?;
        let choice = VoiceChoice::new(options.voice, options.settings);
        let stack = self.speaker(options.provider.as_deref(), &choice).await?;
        let language = match (&options.text, options.language) {
            (None, None) => self.language_of(&stack, choice.id.as_deref()).await?,
            (_, language) => language,
        };
        let text = options.text.unwrap_or_else(|| samples::sentence(language.as_deref()).to_owned());

        let provider = stack.services().next().map(|service| service.0.name().to_owned()).unwrap_or_default();
        let mut engine = Engine::clone(self.agent.engine()?);
        (engine.interpreter, engine.voices) = (None, Arc::default());
        (engine.tts, engine.settings.language) = (Some(Arc::new(stack)), language.clone());
        let mut session = Session::new(SessionId::new(), self.reach.user.clone(), engine.clock.now());
        session.organization = self.reach.organization;
        let reply = engine.preview(&text, session, self.agent.cancel_token().child_token()).await?;
        Ok(VoicePreview {
            provider,
            voice: choice.id,
            text,
            language,
            audio: reply.audio,
            usage: reply.usage,
            cost: reply.cost,
        })
    }

    async fn speaker(&self, provider: Option<&str>, choice: &VoiceChoice) -> Result<Stack<TtsService>> {
        self.reach.check_own()?;
        self.agent.casting()?.speaker(self.reach.organization, provider, choice).await
    }

    /// In which language a voice introduces itself: that of the agent if it speaks it, else its own. `None`: nobody knows.
    async fn language_of(&self, stack: &Stack<TtsService>, voice: Option<&str>) -> Result<Option<String>> {
        let usual = self.agent.engine()?.own_language();
        let Some(id) = voice else { return Ok(usual) };
        let mut known = None;
        let asking = self.each(stack, None, |voice| {
            let is_it = voice.id == id;
            if is_it {
                known = Some(voice);
            }
            !is_it
        });
        match asking.await {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::DeadlineExceeded) => {
                return Err(error);
            }
            // What is not listed can be heard all the same.
            Err(error) => tracing::debug!(%error, "the language of a voice is not known"),
        }
        Ok(match known {
            Some(voice) => usual.filter(|usual| voice.speaks(usual)).or_else(|| voice.languages.into_iter().next()),
            None => usual,
        })
    }

    /// Hands the voices of a provider over, one by one and each once, for as long as they are wanted. Says whether those were all.
    async fn each(
        &self,
        stack: &Stack<TtsService>,
        language: Option<String>,
        mut take: impl FnMut(Voice) -> bool + Send,
    ) -> Result<bool> {
        let limit = self.agent.engine()?.settings.deadline;
        let mut ctx = CallContext::new();
        ctx.deadline = Some(Instant::now() + limit);
        let _stop = ctx.cancel.clone().drop_guard();
        let reading = async {
            let (mut known, mut pages) = (HashSet::new(), HashSet::new());
            let mut request = VoicesRequest::in_language(language.clone());
            for _ in 0..MOST_PAGES {
                ctx.check()?;
                let page = stack.voices(request.clone(), &ctx).await?;
                for voice in page.voices {
                    let is_asked_for = language.as_deref().is_none_or(|tag| voice.speaks(tag));
                    if known.insert(voice.id.clone()) && is_asked_for && !take(voice) {
                        return Ok(false);
                    }
                }
                let Some(next) = page.next else { return Ok(true) };
                if !pages.insert(next.clone()) {
                    let message = "the provider's list of voices leads back to a page that was read";
                    return Err(Error::new(ErrorKind::MalformedResponse, message).with_stage(Stage::Tts));
                }
                request = request.after(Some(next));
            }
            Ok(false)
        };
        tokio::select! {
            biased;
            () = self.agent.cancel_token().cancelled() => Err(Error::new(ErrorKind::Cancelled, "the agent is closing")),
            read = tokio::time::timeout(limit, reading) => read.unwrap_or_else(|_| {
                let message = format!("the voices were not listed within the deadline of {limit:?}");
                Err(Error::new(ErrorKind::DeadlineExceeded, message).with_stage(Stage::Tts))
            }),
        }
    }
}

/// Checks what both ask for.
fn asked(provider: Option<&str>, language: Option<&str>) -> Result<()> {
    provider.map_or(Ok(()), |name| check::name("provider", name, 1, LONGEST_PROVIDER))?;
    language.map_or(Ok(()), |tag| check_language("language", tag))
}
