// swift-tools-version: 6.1
import PackageDescription

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
  name: "signet",
  platforms: [.macOS(.v15), .iOS(.v18)],
  products: [
    .library(name: "Signet", targets: ["Signet"]),
    .executable(name: "signet", targets: ["SignetCLI"]),
  ],
  traits: [
    .trait(name: "MPI", description: "Data-parallel training over Open MPI: mpirun -n 4 signet train …")
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // MARK: 1 Runtime: everything a deployed model needs; links libc, Dispatch and Swift's own libraries only
    // Bits and floats in, numbers out; the caller owns memory and threads.
    .target(name: "CSignetKernels"),
    // Compact model format and packed engine.
    .target(name: "Signet", dependencies: ["CSignetKernels"], swiftSettings: strict),

    // MARK: 2 Data: files to batches; no gradients here
    .target(
      name: "SignetData",
      dependencies: ["Signet", "CSignetJPEG", "CPNG", "CZlib"],
      swiftSettings: strict),
    // Parts of JPEG images; libjpeg's errors as return values.
    .target(name: "CSignetJPEG", dependencies: ["CJPEG"]),

    // MARK: 3 Training: batches to checkpoint to compact model
    .target(
      name: "SignetTraining",
      dependencies: ["Signet", "CSignetKernels", "CBLAS"],
      swiftSettings: strict),

    // Gradients and statistics of several processes; empty without the trait MPI.
    .target(
      name: "SignetMPI",
      dependencies: [
        "SignetTraining", .target(name: "CMPI", condition: .when(traits: ["MPI"])),
      ],
      swiftSettings: strict),

    // MARK: 4 Reports: curves of a run for TensorBoard
    .target(
      name: "SignetTensorBoard",
      dependencies: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
      exclude: ["event.proto"],
      swiftSettings: strict),

    // MARK: 5 Studies: the paper's comparisons as plans of runs, and their tables and figures
    .target(name: "SignetStudy", dependencies: ["Signet", "SignetTraining"], swiftSettings: strict),

    // MARK: 6 Command line: parses, wires, prints; holds no algorithm
    .executableTarget(
      name: "SignetCLI",
      dependencies: [
        "Signet", "SignetData", "SignetTraining", "SignetTensorBoard", "SignetStudy", "Yams",
        .target(name: "SignetMPI", condition: .when(traits: ["MPI"])),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),

    // MARK: System libraries
    .systemLibrary(
      name: "CBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(
      name: "CJPEG", pkgConfig: "libjpeg",
      providers: [.apt(["libjpeg-dev"]), .brew(["jpeg-turbo"])]),
    .systemLibrary(
      name: "CPNG", pkgConfig: "libpng",
      providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(
      name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"]), .brew(["open-mpi"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    // MARK: Tests
    // Counts the heap's requests in the test program.
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
    // Writes the tests' JPEG files, and reads them once more.
    .systemLibrary(
      name: "CTurboJPEG", pkgConfig: "libturbojpeg",
      providers: [.apt(["libturbojpeg0-dev"]), .brew(["jpeg-turbo"])]),
    .testTarget(
      name: "SignetTests", dependencies: ["Signet", "CSignetKernels"], swiftSettings: strict),
    .testTarget(
      name: "SignetDataTests", dependencies: ["SignetData", "Signet", "CTurboJPEG", "CPNG", "CZlib"],
      swiftSettings: strict),
    .testTarget(
      name: "SignetTrainingTests", dependencies: ["SignetTraining", "Signet", "CAllocationCount"],
      swiftSettings: strict),
    .testTarget(
      name: "SignetStudyTests", dependencies: ["SignetStudy", "SignetTraining", "Signet"],
      swiftSettings: strict),
    .testTarget(
      name: "SignetTensorBoardTests",
      dependencies: [
        "SignetTensorBoard", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests", dependencies: ["SignetCLI", "Signet", "CTurboJPEG", "CPNG", "CZlib"],
      swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)

// MARK: Damaged files for every parser; asked for by Scripts/fuzz alone
if Context.environment["SIGNET_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "signet-fuzz",
      dependencies: [
        "Signet", "SignetData", "SignetTraining", "CTurboJPEG", "CPNG", "CZlib",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Tests/Fuzz", swiftSettings: strict))
}
