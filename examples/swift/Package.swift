// swift-tools-version:5.10
import PackageDescription

// Written with care and not compiled where it was written: there is no Swift compiler there.
let package = Package(
    name: "FirstConversation",
    platforms: [.macOS(.v13)],
    dependencies: [.package(name: "VoiceCore", path: "../../bindings-swift")],
    targets: [
        .executableTarget(
            name: "FirstConversation", dependencies: [.product(name: "VoiceCore", package: "VoiceCore")])
    ]
)
