// SPDX-License-Identifier: Apache-2.0

/// A trained network in its compact form: what a `.signet` file holds.
///
/// The file is a valid safetensors file: weights as packed bits, thresholds as integers, and everything that describes
/// them (operators, preprocessing, class names) as JSON in `__metadata__`.
public struct CompactModel: Sendable {
  /// The newest format version that this build reads and writes; a file has the oldest one that holds all it needs.
  public static let formatVersion = 2

  /// The network's name, for instance `nin-small`.
  public let network: String
  /// The method that it was trained by, for instance `tang`.
  public let method: String
  /// How an image becomes its input.
  public let preprocessing: Preprocessing
  /// Names of the classes, in the order of the logits; empty if the file has none.
  public let classNames: [String]
  /// Bytes of the file.
  public let fileBytes: Int
  /// Bytes of the file that are not tensors: the header with all descriptions.
  package let headerBytes: Int
  /// A digest of the whole file: of its header, in which that of the data is.
  package let digest: String
  /// Bytes of each tensor in the file.
  package let tensorBytes: [String: Int]
  package let operators: [Operator]
  package let program: Program

  /// Loads and checks a file.
  ///
  /// - Parameter path: a `.signet` file. It is not needed any more once this returns.
  /// - Throws: ``ModelFormatError`` if it can't be read, is damaged, foreign, or of a newer version.
  /// - Complexity: O(bytes of the file): its checksum is verified.
  public init(path: String) throws {
    try self.init(archive: TensorArchive(path: path))
  }

  /// Loads and checks a file that is in memory already, such as a resource of a program.
  ///
  /// - Parameters:
  ///   - bytes: all bytes of a `.signet` file.
  ///   - path: what errors call it.
  /// - Throws: ``ModelFormatError`` if they are damaged, foreign, or of a newer version.
  /// - Complexity: O(bytes): their checksum is verified.
  public init(bytes: [UInt8], path: String = "<memory>") throws {
    try self.init(archive: TensorArchive(bytes: bytes, path: path))
  }

  private init(archive: TensorArchive) throws {
    let file = try TypedArchive(
      archive, format: Self.format, newestVersion: Self.formatVersion, advice: "export the model again",
      notThisFormat: archive.metadata["format"] == "signet.checkpoint"
        ? "this is a checkpoint, not a compact model; export it with `signet export`"
        : "this safetensors file is not a compact model of Signet; export one with `signet export`")
    guard let network = archive.metadata["network"], let method = archive.metadata["method"] else {
      throw file.failure(.badMetadata, "the network's name or its method is missing")
    }
    (self.network, self.method) = (network, method)
    digest = file.digest
    preprocessing = try file.decoded("preprocessing", as: Preprocessing.self)
    classNames = archive.metadata["classes"] == nil ? [] : try file.decoded("classes", as: [String].self)
    operators = try file.decoded("operators", as: [Operator].self)
    let (p, limit) = (preprocessing, 1 << 16)
    guard (1...limit).contains(p.height), (1...limit).contains(p.width), (1...4).contains(p.channels),
      p.isConsistent
    else { throw file.failure(.badMetadata, "the preprocessing does not fit together") }
    program = try Program(operators: operators, tensors: archive, preprocessing: p)
    guard classNames.isEmpty || classNames.count == program.outputs else {
      throw file.failure(.badMetadata, "\(classNames.count) class names for \(program.outputs) logits")
    }
    fileBytes = archive.fileSize
    tensorBytes = archive.tensors.mapValues { $0.byteRange.count }
    headerBytes = archive.fileSize - tensorBytes.values.reduce(0, +)
  }

  package static let format = "signet.compact"
}
