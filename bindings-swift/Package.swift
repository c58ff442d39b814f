// swift-tools-version:5.10
import Foundation
import PackageDescription

// On Apple's platforms the native library comes as an XCFramework (`package-xcframework.sh`); in development, and on Linux, it is linked
// from the folder that `-Xlinker -L` names.
let framework = "VoiceCoreFFI.xcframework"
let packaged = FileManager.default.fileExists(atPath: "\(Context.packageDirectory)/\(framework)")

let package = Package(
    name: "VoiceCore",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "VoiceCore", targets: ["VoiceCore"])],
    targets: [
        packaged
            ? .binaryTarget(name: "VoiceCoreFFI", path: framework)
            : .systemLibrary(name: "VoiceCoreFFI", path: "Sources/VoiceCoreFFI"),
        // Written by `cargo xtask gen`.
        .target(name: "VoiceCoreNative", dependencies: ["VoiceCoreFFI"]),
        .target(name: "VoiceCore", dependencies: ["VoiceCoreNative"]),
        .testTarget(name: "VoiceCoreTests", dependencies: ["VoiceCore"]),
    ]
)
