//! Telephone calls: the media streams of Twilio, Plivo, Vobiz, Exotel, Telnyx and Vonage as pure protocol code.
//!
//! With all of them the carrier opens a WebSocket to the host's server and sends what the caller says; what it is sent, it plays.
//! A host passes the messages on, in both directions:
//!
//! ```no_run
//! # use voice_core::{VoiceAgent, live::wire::Frame, telephony::{PhoneWire, Protocol}};
//! # async fn received() -> Option<Frame> { None }
//! # async fn send(_frame: Frame) {}
//! # async fn serve(agent: VoiceAgent) -> voice_core::Result<()> {
//! let session = agent.live().input(8_000, 1).output(8_000).start().await?;
//! let mut phone = PhoneWire::new(&session, Some(Protocol::Twilio))?;
//! loop {
//!     tokio::select! {
//!         event = session.next() => match event {
//!             Some(event) => for frame in phone.encode(&event) { send(frame).await },
//!             None => break, // The conversation is over: close the connection.
//!         },
//!         frame = received() => match frame {
//!             Some(frame) => if let Err(error) = phone.receive(&session, &frame) {
//!                 tracing::debug!(%error, "a message of the carrier's");
//!             },
//!             None => break, // Dropping the session ends it.
//!         },
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The session may have any rates; sound is converted. With those of the call nothing is lost to that. [`PhoneCall::read`] tells a host
//! whose call it is before it starts a session, [`PhoneWire::call`] afterwards; [`signature`] tells whether it is the carrier that calls.
//!
//! What was heard is what the carrier's marks say: one goes out after every 100 ms of sound, and what comes back moves the session's
//! playback position. Until the first one comes back, and with a carrier that sends none, the session counts by its own clock; a
//! mark that is two seconds overdue is given up. When the caller interrupts, the carrier is told to throw away what it has not
//! played, and marks from before that tell nothing any more.

mod codec;
mod ear;
mod json;
mod message;
mod mouth;
mod order;
mod protocol;
pub mod signature;
mod speaker;
mod wire;

pub use codec::{ByteOrder, PhoneEncoding};
pub use message::PhoneCall;
pub use protocol::Protocol;
pub use wire::PhoneWire;
