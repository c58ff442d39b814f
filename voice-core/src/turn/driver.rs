//! Runs a turn against the providers and the store.

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use futures_util::StreamExt;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    actions::Books,
    engine::{Caller, Engine, Leave, check_text, who},
    knowledge::{Opening, Recall},
    machine::TurnMachine,
    parts::{caught, finished},
    rest::ask_for_rest,
    speech::{Speech, Spoken},
    tools::GoAhead,
};
use crate::{
    audio::{self, Audio, Pcm, Utterance},
    context,
    cost::Ledger,
    error::{Error, ErrorCode, ErrorKind, Result, Stage},
    event::{CallMetrics, TextDelta, Transcript, TurnEvent},
    id::{SessionId, TurnId},
    interpreter::{Heard, Interpreter, Told},
    layer::{Call, Failed, Stack, SttService, TtsService},
    message::{Message, Reply, ToolCall},
    provider::{CallContext, GenerateRequest, LlmEvent, PromptMessage, ToolChoice, TranscribeRequest, TtsCapabilities},
    store::{Saved, Session, TurnRecord},
    telemetry::{MeasuredTurn, Scope},
    time::after,
    tool::{Lasting, Tool, Toolbox},
};

/// How often a stream that broke in the middle is taken up again within one turn.
const RESUMPTIONS: u32 = 2;
/// How often a turn is offered to a store that fails for a passing reason, and the first wait between.
const SAVE_ATTEMPTS: u32 = 3;
const SAVE_DELAY: Duration = Duration::from_millis(100);

/// Why the agent speaks in a one-shot turn, as it is reported.
const ANSWER: &str = "answer";

/// What a turn is about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TurnInput {
    /// Something said.
    Audio(Audio),
    /// Something typed.
    Text(String),
}

/// One call of a turn, as its caller set it up.
#[derive(Clone)]
pub(crate) struct TurnCall {
    pub(crate) input: TurnInput,
    pub(crate) caller: Caller,
    pub(crate) turn_id: TurnId,
    pub(crate) language: Option<String>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) speak: bool,
    /// What the model may call besides the engine's tools.
    pub(crate) tools: Vec<Arc<dyn Tool>>,
    pub(crate) cancel: CancellationToken,
}

/// Where a turn's events go.
pub(crate) enum Sink {
    /// Nobody watches: only the reply is wanted.
    Reply,
    /// A stream; when its reader is gone the turn is cancelled.
    Stream(mpsc::Sender<Result<TurnEvent>>),
    /// The same, but only what calls took is of interest.
    Figures(mpsc::Sender<Result<TurnEvent>>),
}

impl Sink {
    pub(super) async fn emit(&self, event: TurnEvent) -> Result<()> {
        match self {
            Self::Figures(_) if !matches!(event, TurnEvent::Metrics(_)) => Ok(()),
            Self::Reply => Ok(()),
            Self::Stream(sender) | Self::Figures(sender) => sender.send(Ok(event)).await.map_err(|_| cancelled()),
        }
    }

    /// The way for figures alone.
    pub(super) fn figures(&self) -> Self {
        match self {
            Self::Reply => Self::Reply,
            Self::Stream(sender) | Self::Figures(sender) => Self::Figures(sender.clone()),
        }
    }

    pub(super) async fn emit_some(&self, event: Option<TurnEvent>) -> Result<()> {
        match event {
            Some(event) => self.emit(event).await,
            None => Ok(()),
        }
    }
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the turn was cancelled; nothing of it was stored")
}

/// A turn that has been produced but not yet saved.
struct Produced {
    machine: TurnMachine,
    session: Session,
    /// The session begins with it.
    is_new: bool,
    leave: Leave,
    /// What was heard, if it was heard and not typed.
    heard: Option<Pcm>,
    ledger: Ledger,
    scope: Scope,
    /// That of the session's assistant; `None`: the agent's own.
    engine: Option<Arc<Engine>>,
}

impl Engine {
    /// Runs one turn to its end. Dropping the future cancels it: nothing is then stored, unless saving had begun.
    ///
    /// A panic anywhere in it, a host's provider included, comes back as `INTERNAL_ERROR`.
    pub(crate) async fn run(&self, call: TurnCall, sink: &Sink) -> Result<Box<Reply>> {
        let span = tracing::info_span!(
            "turn", turn_id = %call.turn_id, session_id = tracing::field::Empty, user = call.caller.user.as_deref()
        );
        let mut measured = self.telemetry.turn(call.turn_id, ANSWER);
        let result = caught(self.run_inner(call, &measured, sink)).instrument(span.clone()).await;
        let _entered = span.enter();
        match &result {
            Ok(reply) => {
                measured.end(Some(reply), None);
                log_done(reply);
            }
            Err(error) => {
                measured.end(error.reply(), Some(error.code()));
                log_failed(error);
            }
        }
        result
    }

    async fn run_inner(&self, call: TurnCall, measured: &MeasuredTurn, sink: &Sink) -> Result<Box<Reply>> {
        let started = Instant::now();
        let started_at = self.clock.now();
        let limit = call.deadline.unwrap_or(self.settings.deadline);
        let deadline = after(started, limit);
        let turn_id = call.turn_id;
        let cancel = call.cancel.clone();
        let work = call.cancel.child_token();
        let _stop_work = work.clone().drop_guard();

        let produced = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(cancelled()),
            () = tokio::time::sleep_until(deadline) => Err(Error::new(
                ErrorKind::DeadlineExceeded,
                format!("the turn took longer than its deadline of {limit:?}; nothing of it was stored"),
            )),
            produced = self.produce(call, started, deadline, work, measured, sink) => produced,
        }?;

        // From here on the turn is saved whatever the caller does: it was heard.
        let Produced { machine, session, is_new, leave, heard, ledger, scope, engine } = produced;
        let (engine, of) = (engine.as_deref().unwrap_or(self), session.clone());
        let times = (started_at, self.clock.now());
        let mut spent = ledger.take();
        let (record, mut reply) = machine.finish(turn_id, session, times, spent);
        let record = record.continuing(!is_new);
        let saved = finished(self.clone().keep_turn(record, heard, reply.audio.clone(), leave)).await;
        if let Err(error) = saved {
            reply.timings.total = started.elapsed();
            return Err(error.with_stage(Stage::Store).with_reply(reply));
        }
        reply.timings.stored = Some(started.elapsed());
        reply.timings.total = started.elapsed();
        if engine.looks_for_actions() {
            let looking = engine.look_for_actions(of, turn_id, Books { ledger: ledger.clone(), scope });
            if engine.waits_for_actions() {
                reply.actions = looking.await;
                let looked = ledger.take();
                spent += looked;
                reply.usage += looked.usage;
                reply.cost = spent.cost;
                for action in &reply.actions {
                    // A reader that is gone has no use for it.
                    let _gone = sink.emit(TurnEvent::ActionDetected(Box::new(action.clone()))).await;
                }
            }
        }
        Ok(Box::new(reply))
    }

    /// Saves a turn and its sound, and lets others into its session.
    async fn keep_turn(self, mut record: TurnRecord, heard: Option<Pcm>, spoken: Pcm, leave: Leave) -> Result<Saved> {
        let _saving = self.saving.begin();
        if let Some(recordings) = &self.recordings {
            recordings.keep(&mut record, heard, &spoken).await;
        }
        let saved = self.save(&record).await;
        leave.give_back().await;
        if saved.is_err()
            && let Some(recordings) = &self.recordings
        {
            recordings.discard(&record).await;
        }
        saved
    }

    /// Saves a turn, again if the store says that may help: saving is idempotent by turn id. A session that was deleted meanwhile does
    /// not come back: that is an error.
    pub(crate) async fn save(&self, record: &TurnRecord) -> Result<Saved> {
        let _saving = self.saving.begin();
        let mut delay = SAVE_DELAY;
        for _ in 1..SAVE_ATTEMPTS {
            match self.store.save_turn(record).await {
                Err(error) if error.retryable() => tokio::time::sleep(delay).await,
                saved => {
                    self.outbox.ring();
                    return there(saved);
                }
            }
            delay *= 4;
        }
        let saved = self.store.save_turn(record).await;
        self.outbox.ring();
        there(saved)
    }

    async fn produce(
        &self,
        call: TurnCall,
        started: Instant,
        deadline: Instant,
        cancel: CancellationToken,
        measured: &MeasuredTurn,
        sink: &Sink,
    ) -> Result<Produced> {
        let (session, leave, is_new) = self.admit(&call.caller).await?;
        tracing::Span::current().record("session_id", tracing::field::display(session.id));
        let mut ctx = CallContext::new();
        ctx.session_id = session.id;
        ctx.turn_id = call.turn_id;
        ctx.user = session.user.as_deref().map(Into::into);
        ctx.deadline = Some(deadline);
        ctx.cancel = cancel;
        ctx.scope = measured.enters(session.id, || who(&session));
        sink.emit(TurnEvent::Started { session_id: session.id, turn_id: call.turn_id }).await?;

        let cast = self.engine_of(&session).await?;
        let engine = cast.as_deref().unwrap_or(self);
        let tts = engine.tts.as_ref().filter(|_| call.speak);
        let capabilities = tts.map(|tts| engine.narrowest(tts));
        let machine = TurnMachine::new(capabilities.as_ref());
        let tools = engine.tools_of_turn(call.tools)?;
        let go_ahead = GoAhead::default();
        go_ahead.give();
        let mut run = Run { engine, machine, tools, lasting: None, go_ahead, ctx, started, sink };
        let with_tools = !run.tools.is_empty();
        // They are read while the user is still being heard.
        let documents = engine.documents();
        let language = call.language.or_else(|| engine.settings.language.clone());
        let set = language.clone();
        let listen = async {
            match call.input {
                TurnInput::Text(text) => {
                    check_text(&text, engine.settings.max_text_characters)?;
                    run.machine.on_typed(text, language);
                    Ok(None)
                }
                TurnInput::Audio(audio) => run.listen(audio, language).await.map(Some),
            }
        };
        let (heard, history) = tokio::try_join!(listen, engine.history(session.id, is_new, with_tools))?;
        // What nobody keeps is not held while the answer is written and spoken.
        let heard = heard.filter(|_| self.recordings.is_some());
        match &engine.interpreter {
            Some(interpreter) => run.interpret(interpreter, session.id, &history, set, tts).await?,
            None => run.answer(&history, documents, tts).await?,
        }
        let heard = heard.map(|utterance| Pcm::new(utterance.samples.as_slice(), audio::SPEECH_RATE));
        let Run { machine, ctx, .. } = run;
        Ok(Produced { machine, session, is_new, leave, heard, ledger: ctx.ledger, scope: ctx.scope, engine: cast })
    }
}

impl Engine {
    /// The limits that hold for every provider of the stage, so that a piece fits whichever speaks it.
    pub(super) fn narrowest(&self, tts: &Stack<TtsService>) -> TtsCapabilities {
        let voices = self.voices.iter().flat_map(|(_, voice)| voice.services());
        let mut all = tts.services().chain(voices).map(|service| service.0.capabilities());
        let first = all.next().unwrap_or_default();
        all.fold(first, |mut narrow, other| {
            narrow.max_characters = narrow.max_characters.min(other.max_characters);
            narrow
        })
    }

    /// The language of what the agent says by itself: the one that is set, of an interpreter the first.
    pub(crate) fn own_language(&self) -> Option<String> {
        let interpreter = self.interpreter.as_ref().map(|interpreter| interpreter.first().to_owned());
        interpreter.or_else(|| self.settings.language.clone())
    }
}

/// One turn under way.
pub(super) struct Run<'a> {
    pub(super) engine: &'a Engine,
    pub(super) machine: TurnMachine,
    pub(super) tools: Arc<Toolbox>,
    /// Who takes the results of tools that come when the turn is over.
    pub(super) lasting: Option<Lasting>,
    pub(super) go_ahead: GoAhead,
    pub(super) ctx: CallContext,
    pub(super) started: Instant,
    pub(super) sink: &'a Sink,
}

impl Run<'_> {
    pub(super) fn at(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) async fn measured(&self, metrics: CallMetrics) -> Result<()> {
        tracing::debug!(
            stage = metrics.stage.as_str(),
            provider = metrics.provider,
            first_result_ms = metrics.first_result.map(millis),
            total_ms = millis(metrics.total),
            attempts = metrics.attempts,
            "provider call"
        );
        self.sink.emit(TurnEvent::Metrics(Box::new(metrics))).await
    }

    /// From sound to words.
    async fn listen(&mut self, audio: Audio, language: Option<String>) -> Result<Utterance> {
        let stt = self.engine.recogniser()?;
        let utterance = prepare(audio, self.engine.settings.limits, self.engine.settings.denoising).await?;
        self.recognise(stt, utterance.clone(), language, Failed::default()).await?;
        self.machine.user_text().map(|_| utterance)
    }

    /// From an utterance to words.
    pub(super) async fn recognise(
        &mut self,
        stt: &Stack<SttService>,
        utterance: Utterance,
        language: Option<String>,
        mut failed: Failed,
    ) -> Result<()> {
        self.machine.on_audio_ready(self.at());
        let request = TranscribeRequest::new(utterance).with_language(language);
        for resumption in 0.. {
            let mut call = stt.open(request.clone(), &self.ctx, failed).await?;
            let Err(error) = self.transcripts(&mut call).await else { return Ok(()) };
            // Nothing final was heard from it, so the utterance is simply recognised again.
            failed.add_for(call.slot(), &error);
            if resumption == RESUMPTIONS || !stt.goes_on(&error, &request, failed) {
                return Err(error);
            }
        }
        Ok(())
    }

    async fn transcripts(&mut self, call: &mut Call<SttService>) -> Result<()> {
        while let Some(transcript) = call.next().await {
            let transcript: Transcript = transcript?;
            let event = self.machine.on_transcript(transcript, self.at());
            self.sink.emit(event).await?;
        }
        self.machine.user_text().map(|_| ()).or_else(|error| match error.code() {
            ErrorCode::ValidationError => Ok(()),
            _ => Err(error),
        })?;
        self.measured(call.metrics()).await
    }

    /// From words to an answer, written and spoken at the same time.
    async fn answer(
        &mut self,
        history: &[Message],
        documents: Option<Opening>,
        tts: Option<&Arc<Stack<TtsService>>>,
    ) -> Result<()> {
        let (instructions, window) = (self.engine.instructions(), self.engine.settings.context_messages);
        let (said, with_tools) = (self.machine.user_text()?, !self.tools.is_empty());
        let recall = documents.map(|documents| Recall::new(documents, said, history));
        let mut prompt = context::prompt(&instructions, history, window, said, with_tools);
        self.recall(&mut prompt, recall).await?;
        self.write_and_speak(&prompt, tts).await
    }

    /// From words to the same in the other language, written and spoken at the same time.
    async fn interpret(
        &mut self,
        interpreter: &Arc<Interpreter>,
        session: SessionId,
        history: &[Message],
        set: Option<String>,
        tts: Option<&Arc<Stack<TtsService>>>,
    ) -> Result<()> {
        let is_certain = set.is_some();
        let heard = Heard { language: set.or_else(|| self.machine.language().map(str::to_owned)), is_certain };
        let said = self.machine.user_text()?.to_owned();
        let (history, said, known) = ((session, history), (said.as_str(), heard), HashMap::new());
        let words = self.engine.interpret(interpreter, history, said, &known, Told::default()).await?;
        self.utter(words, tts).await
    }

    pub(super) async fn write_and_speak(
        &mut self,
        prompt: &[PromptMessage],
        tts: Option<&Arc<Stack<TtsService>>>,
    ) -> Result<()> {
        let mut speech = self.speech(tts);
        let mut prompt = prompt.to_vec();
        let rounds = if self.tools.is_empty() { 0 } else { self.engine.settings.max_tool_rounds };
        for round in 0..=rounds {
            let choice = if round < rounds { ToolChoice::Auto } else { ToolChoice::None };
            let calls = self.write(&prompt, choice, speech.as_mut()).await?;
            if calls.is_empty() {
                break;
            }
            if round == rounds {
                self.machine.on_calls_refused();
                break;
            }
            let records = self.run_tools(calls, speech.as_mut()).await?;
            self.tell_what_was_found().await?;
            context::push_calls(&mut prompt, self.machine.round_text().trim(), &records);
            self.machine.next_round(records);
        }
        self.machine.on_llm_end(self.at())?;
        self.speak_out(speech).await
    }

    /// One answer of the model: its text goes out as it comes, the tools that it calls are given back.
    async fn write(
        &mut self,
        prompt: &[PromptMessage],
        choice: ToolChoice,
        mut speech: Option<&mut Speech>,
    ) -> Result<Vec<ToolCall>> {
        let request = self.request(prompt, choice);
        let (engine, ctx) = (self.engine, self.ctx.clone());
        let opening = engine.llm.open(request, &ctx, Failed::default());
        let mut call = self.while_speaking(speech.as_deref_mut(), opening).await??;
        let (mut resumptions, mut failed, mut broken) = (0, Failed::default(), None);
        loop {
            let next = match broken.take() {
                Some(error) => Some(Err(error)),
                None => self.while_speaking(speech.as_deref_mut(), call.next()).await?,
            };
            match next {
                Some(Ok(event)) => {
                    let event = self.machine.on_llm(event, self.at());
                    self.sink.emit_some(event).await?;
                }
                None => break,
                Some(Err(error)) => {
                    failed.add_for(call.slot(), &error);
                    let request = self.request_rest(prompt, choice);
                    if !engine.llm.goes_on(&error, &request, failed) {
                        return Err(error);
                    }
                    if self.machine.has_calls() {
                        // The calls are complete, and their results are what the model needs next.
                        tracing::warn!(kind = ?error.kind(), provider = error.provider(), "the answer broke off after its calls");
                        break;
                    }
                    if resumptions == RESUMPTIONS {
                        return Err(error);
                    }
                    resumptions += 1;
                    tracing::warn!(kind = ?error.kind(), provider = error.provider(), "the answer broke off, asking for its rest");
                    self.machine.on_broken_off();
                    let partial = self.machine.round_text().to_owned();
                    // Where no tag was read yet, the first one has to be.
                    let tags = engine.interpreter.as_deref().filter(|_| self.machine.direction().is_some());
                    let asking = ask_for_rest(&engine.llm, request, (&partial, tags), &ctx, failed);
                    let rest = self.while_speaking(speech.as_deref_mut(), asking).await??;
                    let fresh = Some(rest.text).filter(|text| !text.is_empty()).map(LlmEvent::Text);
                    for event in fresh.into_iter().chain(rest.others) {
                        let event = self.machine.on_llm(event, self.at());
                        self.sink.emit_some(event).await?;
                    }
                    (call, broken) = (rest.call, rest.broken);
                }
            }
        }
        let held = self.machine.on_written(self.at());
        self.sink.emit_some(held).await?;
        self.measured(call.metrics()).await?;
        Ok(self.machine.end_round(self.at()))
    }

    /// Speaks what is there to speak while `work` is done.
    pub(super) async fn while_speaking<T>(
        &mut self,
        mut speech: Option<&mut Speech>,
        work: impl Future<Output = T>,
    ) -> Result<T> {
        tokio::pin!(work);
        loop {
            self.feed(speech.as_deref_mut());
            tokio::select! {
                biased;
                spoken = heard(speech.as_deref_mut()) => self.on_spoken(spoken, speech.as_deref_mut()).await?,
                done = &mut work => return Ok(done),
            }
        }
    }

    pub(super) fn speech(&self, tts: Option<&Arc<Stack<TtsService>>>) -> Option<Speech> {
        let mut speech = Speech::new(Arc::clone(tts?), self.ctx.clone(), !self.machine.keeps_sound());
        if let Some(language) = self.machine.language() {
            speech.turn_to(language, self.engine.voice_of(language));
        }
        Some(speech)
    }

    /// Until everything that is written has been spoken.
    pub(super) async fn speak_out(&mut self, mut speech: Option<Speech>) -> Result<()> {
        self.feed(speech.as_mut());
        while let Some(talking) = speech.as_mut().filter(|s| !s.is_idle()) {
            let spoken = talking.next().await;
            self.on_spoken(spoken, speech.as_mut()).await?;
            self.feed(speech.as_mut());
        }
        Ok(())
    }

    fn request(&self, prompt: &[PromptMessage], choice: ToolChoice) -> GenerateRequest {
        let mut request = GenerateRequest::new(prompt);
        request.max_tokens = self.engine.settings.max_tokens;
        request.temperature = self.engine.settings.temperature;
        request.tools = self.tools.specs();
        request.tool_choice = choice;
        request.parallel_tool_calls = self.tools.any_parallel();
        request
    }

    /// What asks for the rest of an answer that broke off.
    fn request_rest(&self, prompt: &[PromptMessage], choice: ToolChoice) -> GenerateRequest {
        match self.machine.round_text() {
            "" => self.request(prompt, choice),
            partial => {
                // Asked for a rest, a model may begin again from the start: what tools have done is not done twice.
                let choice = if self.machine.has_called() { ToolChoice::None } else { choice };
                self.request(&context::continuation(prompt, partial), choice)
            }
        }
    }

    /// Hands finished pieces to speech while it has room.
    fn feed(&mut self, speech: Option<&mut Speech>) {
        let Some(speech) = speech else { return };
        while speech.wants_piece()
            && let Some(piece) = self.machine.next_piece()
        {
            // Of an interpretation the language is known with the first piece.
            if let Some(language) = self.machine.direction().and_then(|direction| direction.to.as_deref()) {
                speech.turn_to(language, self.engine.voice_of(language));
            }
            speech.push(piece);
        }
    }

    async fn on_spoken(&mut self, spoken: Spoken, speech: Option<&mut Speech>) -> Result<()> {
        if matches!(spoken, Spoken::Piece(_) | Spoken::BrokeOff(_)) {
            let held = self.machine.on_piece_end(self.at());
            self.sink.emit_some(held).await?;
        }
        match spoken {
            Spoken::Audio(pcm, words) => {
                if let Some(piece) = words {
                    let words = TextDelta(piece.text.to_string());
                    let event = if piece.filler { TurnEvent::Filler(words) } else { TurnEvent::Speaking(words) };
                    self.sink.emit(event).await?;
                }
                let event = self.machine.on_audio(pcm, self.at());
                self.sink.emit_some(event).await
            }
            Spoken::Piece(metrics) => self.measured(metrics).await,
            Spoken::BrokeOff(error) => {
                let event = self.machine.on_piece_lost(error);
                self.sink.emit(event).await
            }
            Spoken::Failed(error) => {
                if let Some(speech) = speech {
                    speech.stop();
                }
                let event = self.machine.on_audio_failed(error);
                self.sink.emit(event).await
            }
        }
    }
}

async fn heard(speech: Option<&mut Speech>) -> Spoken {
    match speech {
        Some(speech) => speech.next().await,
        None => std::future::pending().await,
    }
}

/// What became of a turn, unless its session was deleted while it ran.
fn there(saved: Result<Saved>) -> Result<Saved> {
    match saved? {
        Saved::SessionGone => Err(Error::new(
            ErrorKind::SessionNotFound,
            "the session was deleted while the turn ran, and nothing of the turn is kept; leave the session out to begin a new one",
        )),
        saved => Ok(saved),
    }
}

/// Decodes, off the async threads when there is something to decode.
async fn prepare(audio: Audio, limits: audio::AudioLimits, denoising: bool) -> Result<Utterance> {
    if audio.is_short_speech() && !denoising {
        return audio::prepare(&audio, &limits);
    }
    let prepared = move || {
        let utterance = audio::prepare(&audio, &limits)?;
        Ok(if denoising { utterance.denoised() } else { utterance })
    };
    tokio::task::spawn_blocking(prepared)
        .await
        .unwrap_or_else(|e| Err(Error::internal(format!("preparing the audio stopped: {e}")).with_stage(Stage::Audio)))
}

pub(super) fn panic_error(panic: &(dyn std::any::Any + Send)) -> Error {
    // The payload may hold anything a host's code put there, so it is not shown.
    let _ = panic;
    Error::internal("a provider, a store or this library panicked during the turn; nothing of it was stored")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn log_done(reply: &Reply) {
    let t = &reply.timings;
    tracing::info!(
        stt_ms = t.transcript.map(millis),
        first_token_ms = t.first_token.map(millis),
        first_audio_ms = t.first_audio.map(millis),
        stored_ms = t.stored.map(millis),
        total_ms = millis(t.total),
        input_tokens = reply.usage.input_tokens,
        output_tokens = reply.usage.output_tokens,
        characters = reply.usage.tts_characters,
        spoken = reply.audio_error.is_none(),
        "turn done"
    );
}

fn log_failed(error: &Error) {
    let (code, kind, stage) = (error.code().as_str(), error.kind(), error.stage().map(Stage::as_str));
    match error.code() {
        ErrorCode::InternalError | ErrorCode::StorageError => {
            tracing::error!(code, ?kind, stage, "turn lost");
        }
        _ => tracing::info!(code, ?kind, stage, provider = error.provider(), "turn failed"),
    }
}
