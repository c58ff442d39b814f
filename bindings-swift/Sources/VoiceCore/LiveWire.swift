import Foundation
import VoiceCoreNative

/// A message of a connection that knows texts and bytes, as a WebSocket does.
public enum WireFrame: Sendable {
    /// A text frame: JSON.
    case text(String)
    /// A binary frame: sound.
    case binary(Data)
}

/// A live session as frames: hand over every message that comes, send every one of ``frames``. Made by ``LiveSession/wire()``.
///
/// What the frames hold is told by `docs/schema/live-wire.schema.json`. What is wrong with a message is told to the client, and the session
/// goes on.
///
/// ```swift
/// let wire = try live.wire()
/// socket.onText = { try? wire.receive($0) }
/// socket.onBinary = { try? wire.receive($0) }
/// for try await frame in wire.frames {
///     switch frame {
///     case .text(let text): socket.send(text)
///     case .binary(let sound): socket.send(sound)
///     }
/// }
/// ```
public final class LiveWire: Sendable {
    /// Whoever speaks to a client keeps the session.
    private let session: LiveSession
    private let native: VoiceCoreNative.LiveWire

    init(session: LiveSession, native: VoiceCoreNative.LiveWire) {
        self.session = session
        self.native = native
    }

    /// What to send, to the end of the session. Cancelling the task that reads them ends the session.
    public var frames: WireFrames { WireFrames(session: session, native: native) }

    /// What the carrier of a telephone call said of it; `nil`: its media stream has not begun, or there is no carrier.
    public var call: PhoneCall? {
        native.call().flatMap { try? JSONDecoder().decode(PhoneCall.self, from: Data($0.utf8)) }
    }

    /// Has the carrier of a telephone call press keys: `0`–`9`, `*`, `#`, `A`–`D`. Only Plivo does.
    ///
    /// - Throws: ``VoiceError`` of code `invalidRequest` where nobody takes them.
    public func press(_ keys: String) throws { try translated { try native.press(keys: keys) } }

    /// Takes a text frame of the client's.
    public func receive(_ text: String) throws { try translated { try native.receiveText(text: text) } }

    /// Takes a binary frame of the client's.
    public func receive(_ bytes: Data) throws { try translated { try native.receiveBytes(bytes: bytes) } }
}

/// The frames of a live session for its client.
public struct WireFrames: AsyncSequence, Sendable {
    public typealias Element = WireFrame

    let session: LiveSession
    let native: VoiceCoreNative.LiveWire

    public func makeAsyncIterator() -> Iterator { Iterator(session: session, native: native) }

    public struct Iterator: AsyncIteratorProtocol {
        let session: LiveSession
        let native: VoiceCoreNative.LiveWire

        public mutating func next() async throws -> WireFrame? {
            let session = session
            let native = native
            // One at a time, so that an iterator that is let go takes none with it.
            let batch = try await awaited {
                try await withTaskCancellationHandler {
                    try await native.nextBatch(max: 1)
                } onCancel: {
                    session.letGo()
                }
            }
            switch batch.first {
            case .text(let text): return .text(text)
            case .binary(let bytes): return .binary(bytes)
            case nil: return nil
            }
        }
    }
}
