//! The three provider traits as one shape.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    audio::{Pcm, SPEECH_RATE},
    cost::Usage,
    error::{Result, Stage},
    event::Transcript,
    provider::{
        CallContext, GenerateRequest, LanguageModel, LlmEvent, ResultStream, SpeechToText, SynthesisRequest,
        TextToSpeech, TranscribeRequest,
    },
};

/// A provider, as the layers see it: a request opens a stream of items.
#[async_trait]
pub(crate) trait Service: Send + Sync + 'static {
    type Request: Clone + Send + Sync;
    type Item: Send + 'static;
    const STAGE: Stage;

    fn name(&self) -> &str;

    /// Whether it can serve this request at all; one that cannot is passed over.
    fn serves(&self, _: &Self::Request) -> bool {
        true
    }

    /// What it is sent that it may charge for.
    fn asked(_: &Self::Request) -> Option<Usage> {
        None
    }

    /// What it says it has used.
    fn told(_: &Self::Item) -> Option<Usage> {
        None
    }

    async fn open(&self, request: Self::Request, ctx: &CallContext) -> Result<ResultStream<Self::Item>>;
}

macro_rules! services {
    ($($name:ident: $provider:ident, $stage:ident, $request:ident -> $item:ident by $method:ident $(with { $($more:item)* })?;)*) => {$(
        #[derive(Clone)]
        pub(crate) struct $name(pub(crate) Arc<dyn $provider>);

        #[async_trait]
        impl Service for $name {
            type Request = $request;
            type Item = $item;
            const STAGE: Stage = Stage::$stage;

            fn name(&self) -> &str {
                self.0.name()
            }

            $($($more)*)?

            async fn open(&self, request: $request, ctx: &CallContext) -> Result<ResultStream<$item>> {
                self.0.$method(request, ctx).await
            }
        }
    )*};
}

services! {
    SttService: SpeechToText, Stt, TranscribeRequest -> Transcript by transcribe with {
        fn asked(request: &TranscribeRequest) -> Option<Usage> {
            let seconds = request.audio.samples.len() as f64 / f64::from(SPEECH_RATE);
            Some(Usage { stt_seconds: seconds, ..Usage::default() })
        }
    };
    LlmService: LanguageModel, Llm, GenerateRequest -> LlmEvent by generate with {
        fn serves(&self, request: &GenerateRequest) -> bool {
            request.tools.is_empty() || self.0.capabilities().tools
        }

        fn told(item: &LlmEvent) -> Option<Usage> {
            if let LlmEvent::Usage(usage) = item { Some(*usage) } else { None }
        }
    };
    TtsService: TextToSpeech, Tts, SynthesisRequest -> Pcm by synthesize with {
        fn asked(request: &SynthesisRequest) -> Option<Usage> {
            Some(Usage { tts_characters: request.text.chars().count() as u64, ..Usage::default() })
        }
    };
}
