//! Agents and turns.

use napi::bindgen_prelude::{Float32Array, Int16Array, Uint8Array};
use napi_derive::napi;
use voice_bridge::{AudioInput, Call, ErrorRecord, EventStream, Input, Outcome, TurnOptions};

use crate::{
    host::{HostFunction, HostObjects, adopted, adopted_tools},
    live::Live,
    message::{Bytes, Message},
    port::Port,
    reply::Reply,
    run,
};

/// An agent.
#[napi]
pub struct Agent(voice_bridge::Agent);

/// The events of a turn; letting go of it cancels the turn.
#[napi]
pub struct Events(EventStream);

impl Drop for Events {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// What a turn is about: exactly one of the first five.
#[napi(object, object_to_js = false)]
pub struct TurnInput {
    /// Something typed.
    pub text: Option<String>,
    /// An audio file.
    pub path: Option<String>,
    /// The bytes of one.
    pub bytes: Option<Uint8Array>,
    /// 16-bit samples.
    pub samples: Option<Int16Array>,
    /// Float samples, full scale ±1.
    pub floats: Option<Float32Array>,
    /// Samples a second.
    pub sample_rate: Option<u32>,
    /// Channels.
    pub channels: Option<u32>,
}

impl TurnInput {
    fn read(self) -> Outcome<Input> {
        let (sample_rate, channels) = (self.sample_rate.unwrap_or_default(), self.channels.unwrap_or(1));
        Ok(if let Some(text) = self.text {
            Input::Text(text)
        } else {
            Input::Audio(if let Some(path) = self.path {
                AudioInput::Path(path.into())
            } else if let Some(bytes) = self.bytes {
                AudioInput::Bytes(bytes.to_vec())
            } else if let Some(samples) = self.samples {
                AudioInput::Pcm { samples: samples.to_vec(), sample_rate, channels }
            } else if let Some(samples) = self.floats {
                AudioInput::PcmF32 { samples: samples.to_vec(), sample_rate, channels }
            } else {
                return Err(ErrorRecord::invalid("input: there is none"));
            })
        })
    }
}

/// How a turn is to be run.
#[napi(object, object_to_js = false)]
pub struct Options {
    /// The session to continue.
    pub session: Option<String>,
    /// Whose turn it is.
    pub user: Option<String>,
    /// The language that is spoken.
    pub language: Option<String>,
    /// The deadline in milliseconds.
    pub deadline_ms: Option<f64>,
    /// Whether the answer is spoken.
    pub speak: Option<bool>,
    /// Who answers in a fresh session.
    pub assistant: Option<String>,
    /// In which organization it is taken.
    pub organization: Option<String>,
    /// What the language model may call besides the agent's tools.
    pub tools: Option<Vec<HostFunction>>,
}

impl Options {
    fn read(self, port: &Port) -> Outcome<TurnOptions> {
        Ok(TurnOptions {
            session: self.session,
            user: self.user,
            language: self.language,
            // JavaScript has checked that it is a finite number from 0.
            deadline_ms: self.deadline_ms.map(|ms| ms as u64),
            speak: self.speak,
            assistant: self.assistant,
            organization: self.organization,
            tools: adopted_tools(&port.line, self.tools)?,
        })
    }
}

#[napi]
impl Agent {
    /// Builds an agent from a config document and host objects.
    #[napi]
    pub fn build(port: &Port, id: u32, config: String, hosts: HostObjects) -> napi::Result<()> {
        run(|| {
            let call = voice_bridge::Agent::build(&config, adopted(&port.line, hosts)?);
            port.line.follow(id, call, |done, agent| Message { agent: Some(Self(agent)), ..done })
        })
    }

    /// Runs one turn.
    #[napi]
    pub fn turn(&self, port: &Port, id: u32, input: TurnInput, options: Options) -> napi::Result<()> {
        run(|| {
            let options = options.read(port)?;
            let call = self.0.turn(input.read()?, options);
            port.line.follow(id, call, |done, reply| Message { reply: Some(Reply(reply)), ..done })
        })
    }

    /// Prepares one turn as a stream of events; a file is read off this thread.
    #[napi]
    pub fn stream(&self, port: &Port, id: u32, input: TurnInput, options: Options) -> napi::Result<()> {
        run(|| {
            let (agent, options) = (self.0.clone(), options.read(port)?);
            let input = input.read()?;
            let call = Call::blocking(move || agent.stream(input, options));
            port.line.follow(id, call, |done, stream| Message { stream: Some(Events(stream)), ..done })
        })
    }

    /// Starts a live session.
    #[napi]
    pub fn live(&self, port: &Port, id: u32, options: String, tools: Vec<HostFunction>) -> napi::Result<()> {
        run(|| {
            let call = self.0.live(&options, adopted_tools(&port.line, Some(tools))?);
            port.line.follow(id, call, |done, live| Message { live: Some(Live(live)), ..done })
        })
    }

    /// How many reports nobody took.
    #[napi]
    pub fn dropped_reports(&self) -> napi::Result<f64> {
        run(|| Ok(self.0.dropped_reports() as f64))
    }

    /// Makes every provider ready.
    #[napi]
    pub fn warm_up(&self, port: &Port, id: u32) -> napi::Result<()> {
        run(|| port.line.follow(id, self.0.warm_up(), |done, ()| done))
    }

    /// Closes the agent.
    #[napi]
    pub fn close(&self, port: &Port, id: u32) -> napi::Result<()> {
        run(|| port.line.follow(id, self.0.close(), |done, ()| done))
    }

    /// A method of a room, with its arguments as JSON: its answer, and the sound that goes with it.
    #[napi]
    pub fn call(&self, port: &Port, id: u32, room: String, method: String, arguments: String) -> napi::Result<()> {
        run(|| {
            let call = self.0.call(&room, &method, &arguments);
            port.line.follow(id, call, |done, answer| Message {
                text: Some(answer.json),
                bytes: answer.sound.map(Bytes),
                ..done
            })
        })
    }

    /// The same agent as a principal reaches it.
    #[napi]
    pub fn acting(&self, principal: String) -> napi::Result<Agent> {
        run(|| self.0.with(&principal).map(Self))
    }
}

#[napi]
impl Events {
    /// Waits for the next events, at most `most`; none: the turn is over.
    #[napi]
    pub fn next(&self, port: &Port, id: u32, most: u32) -> napi::Result<()> {
        run(|| {
            let call = self.0.next_batch(most as usize);
            port.line.follow(id, call, |done, events| Message {
                events: Some(events.into_iter().map(Into::into).collect()),
                ..done
            })
        })
    }

    /// Cancels the turn.
    #[napi]
    pub fn cancel(&self) -> napi::Result<()> {
        run(|| {
            self.0.cancel();
            Ok(())
        })
    }
}
