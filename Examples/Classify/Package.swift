// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "classify",
  platforms: [.macOS(.v15)],
  dependencies: [
    // In a package of your own: .package(url: "…", from: "…")
    .package(name: "signet", path: "../..")
  ],
  targets: [
    .executableTarget(name: "classify", dependencies: [.product(name: "Signet", package: "signet")])
  ],
  swiftLanguageModes: [.v6]
)
