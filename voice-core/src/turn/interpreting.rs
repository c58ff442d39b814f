//! What an interpreter says about an utterance.

use std::{collections::HashMap, sync::Arc};

use super::{engine::Engine, parts::Words};
use crate::{
    error::{Result, Stage},
    id::SessionId,
    interpreter::{Direction, Heard, Interpreter, Told},
    layer::{Stack, TtsService},
    message::{Message, Role},
    store::MessageQuery,
};

/// How far back the interpretation that is said again is looked for, in messages.
const LOOKED_BACK: usize = 100;

/// Who speaks which language.
pub(crate) type Voices = Arc<[(String, Arc<Stack<TtsService>>)]>;

impl Engine {
    /// From now on it interprets: with the interpreter's prompt, its voices, and no tools.
    pub(crate) fn interpret_with(&mut self, interpreter: Arc<Interpreter>, voices: Voices) {
        self.settings.system_prompt = Arc::clone(interpreter.system_prompt());
        self.settings.context_messages = interpreter.context_messages();
        self.settings.temperature = 0.0;
        self.tools = Arc::default();
        (self.interpreter, self.voices) = (Some(interpreter), voices);
    }

    /// Who speaks a language, if somebody of its own does.
    pub(super) fn voice_of(&self, language: &str) -> Option<&Arc<Stack<TtsService>>> {
        self.voices.iter().find(|(own, _)| own == language).map(|(_, voice)| voice)
    }

    /// What is to be said about an utterance: its interpretation, or the one before again, if that is what is asked for. `last` is
    /// what is known of that by language; else it is looked for in the history.
    pub(crate) async fn interpret(
        &self,
        interpreter: &Arc<Interpreter>,
        (session, history): (SessionId, &[Message]),
        (said, heard): (&str, Heard),
        last: &HashMap<String, String>,
        told: Told,
    ) -> Result<Words> {
        if let Some(language) = interpreter.asks_to_repeat(said, &heard) {
            let known = match last.get(language) {
                Some(text) => Some(text.clone()),
                None => self.said_last(session, language).await?,
            };
            // Where nothing was said yet, the other one is asked to repeat.
            if let Some(text) = known {
                let language = Some(language.to_owned());
                let _first = told.set(Direction { from: language.clone(), to: language });
                return Ok(Words::Again { text, told });
            }
        }
        let prompt = interpreter.prompt(history, said, &heard);
        Ok(Words::Interpretation { prompt, reading: interpreter.reading(history, heard, told) })
    }

    /// The latest interpretation in a language.
    async fn said_last(&self, session: SessionId, language: &str) -> Result<Option<String>> {
        let page = self.store.messages(session, MessageQuery::latest(LOOKED_BACK)).await;
        let page = page.map_err(|e| e.with_stage(Stage::Store))?;
        let is_it = |m: &&Message| {
            m.role == Role::Assistant && m.language.as_deref() == Some(language) && !m.content.trim().is_empty()
        };
        Ok(page.items.iter().rev().find(is_it).map(|message| message.content.clone()))
    }
}
