//! What the caller says, as a session wants to hear it.

use super::{
    codec::{ByteOrder, OrderDetector, floats, samples},
    message::PhoneCall,
    order::PieceOrder,
    protocol::Protocol,
};
use crate::{audio::LiveResampler, error::Result};

/// Until it is heard, how a carrier is believed to order bytes.
const BELIEVED: ByteOrder = ByteOrder::Little;

/// Makes a carrier's bytes samples in order, at the rate and with the channels of the session.
pub(super) struct Ear {
    protocol: Protocol,
    order: PieceOrder,
    bytes: ByteOrder,
    /// Listens for the byte order until it is clear.
    detector: Option<OrderDetector>,
    resampler: Option<LiveResampler>,
    channels: usize,
}

impl Ear {
    /// `order`: what the host knows of the byte order.
    pub(super) fn new(call: &PhoneCall, order: Option<ByteOrder>, rate: u32, channels: usize) -> Self {
        let known = order.or(call.protocol.heard_order());
        Self {
            protocol: call.protocol,
            order: PieceOrder::default(),
            bytes: known.unwrap_or(BELIEVED),
            detector: (known.is_none() && call.encoding.bytes() == 2).then(OrderDetector::default),
            resampler: (call.sample_rate != rate).then(|| LiveResampler::new(call.sample_rate, rate)),
            channels,
        }
    }

    /// The byte order in which the carrier is answered, as far as it is known.
    pub(super) fn answered(&self) -> ByteOrder {
        self.protocol.spoken_order(self.bytes)
    }

    /// Hears a piece; gives what is now in order.
    pub(super) fn hear(&mut self, call: &PhoneCall, number: Option<u64>, bytes: &[u8]) -> Result<Vec<i16>> {
        if let Some(heard) = self.detector.as_mut().and_then(|detector| detector.hear(bytes)) {
            self.bytes = heard;
            self.detector = None;
        }
        let sound = self.order.take(number, call.encoding.decode(bytes, self.bytes)?);
        let sound = match &mut self.resampler {
            None => sound,
            Some(resampler) => {
                let mut converted = Vec::new();
                resampler.push(floats(&sound), &mut converted);
                samples(&converted).collect()
            }
        };
        Ok(match self.channels {
            1 => sound,
            channels => sound.into_iter().flat_map(|sample| std::iter::repeat_n(sample, channels)).collect(),
        })
    }
}
