// SPDX-License-Identifier: Apache-2.0

#if _endian(big)
#error("safetensors data is little-endian; this writer copies memory as it is")
#endif

/// Collects tensors and writes them as one safetensors file.
///
/// The same calls give the same bytes: tensors lie in the order of the calls, metadata in the order of its keys' UTF-8.
/// The SHA-256 of the data is added to the metadata as `sha256`, that of the header as `header_sha256`. The data starts at a multiple of 8; within it nothing
/// is padded, so add tensors of wide elements first where alignment matters.
///
/// The arrays are kept, not copied. A name given twice, the name `__metadata__` and a shape that doesn't fit the elements
/// are programming errors.
package struct TensorArchiveWriter: Sendable {
  package var metadata: [String: String]
  private var names = Set<String>()
  private var tensors: [any StoredTensor] = []
  private var dataSize = 0

  /// Starts an archive without tensors; a `sha256` in `metadata` is replaced.
  package init(metadata: [String: String]) {
    self.metadata = metadata
  }

  /// Adds an F32 tensor.
  package mutating func add(_ name: String, shape: [Int], floats: [Float]) {
    add(name, .float32, shape, floats)
  }

  /// Adds a U32 tensor.
  package mutating func add(_ name: String, shape: [Int], words: [UInt32]) {
    add(name, .uint32, shape, words)
  }

  /// Adds an I16 tensor.
  package mutating func add(_ name: String, shape: [Int], int16s: [Int16]) {
    add(name, .int16, shape, int16s)
  }

  /// Adds an I32 tensor.
  package mutating func add(_ name: String, shape: [Int], int32s: [Int32]) {
    add(name, .int32, shape, int32s)
  }

  /// Adds an I64 tensor.
  package mutating func add(_ name: String, shape: [Int], int64s: [Int64]) {
    add(name, .int64, shape, int64s)
  }

  /// Adds an I8 tensor.
  package mutating func add(_ name: String, shape: [Int], int8s: [Int8]) {
    add(name, .int8, shape, int8s)
  }

  /// Adds a U8 tensor.
  package mutating func add(_ name: String, shape: [Int], bytes: [UInt8]) {
    add(name, .uint8, shape, bytes)
  }

  /// Bytes of the whole file, without writing it.
  package var encodedSize: Int {
    // Every digest is equally long, so a blank one gives the header's size.
    header(digest: String(repeating: "0", count: 64)).count + dataSize
  }

  /// The whole file in memory.
  package func encoded() -> [UInt8] {
    var file = header(digest: digest())
    file.reserveCapacity(file.count + dataSize)
    for tensor in tensors {
      tensor.withUnsafeBytes { file.append(contentsOf: $0) }
    }
    return file
  }

  /// Writes the file whole or not at all, without assembling it in memory; see ``AtomicFile/write(_:to:)``.
  package func write(to path: String) throws(ModelFormatError) {
    let header = header(digest: digest())
    guard header.count - 8 <= SafetensorsHeader.largestLength else {
      throw ModelFormatError(
        .unsupported, "the header would exceed the format's 100 MB; store fewer tensors or less metadata",
        path: path)
    }
    try AtomicFile.write(to: path) { (append) throws(ModelFormatError) in
      try header.withUnsafeBufferPointer { (bytes) throws(ModelFormatError) in
        try append(UnsafeRawBufferPointer(bytes))
      }
      for tensor in tensors {
        try tensor.withUnsafeBytes(append)
      }
    }
  }

  private mutating func add<Element: BitwiseCopyable & Sendable>(
    _ name: String, _ type: TensorType, _ shape: [Int], _ elements: [Element]
  ) {
    precondition(
      shape.allSatisfy { $0 >= 0 } && shape.reduce(1, *) == elements.count,
      "tensor '\(name)' of shape \(shape) is given \(elements.count) elements")
    precondition(name != "__metadata__", "a tensor can't have the name __metadata__")
    precondition(names.insert(name).inserted, "tensor '\(name)' is added twice")
    tensors.append(StoredArray(name: name, type: type, shape: shape, elements: elements))
    dataSize += elements.count * type.byteCount
  }

  private func digest() -> String {
    var hash = SHA256()
    for tensor in tensors {
      tensor.withUnsafeBytes { hash.update($0) }
    }
    return hash.finalizeHex()
  }

  /// The length, the JSON, and the spaces that make both a multiple of 8.
  private func header(digest: String) -> [UInt8] {
    var pairs = metadata
    pairs["sha256"] = digest
    pairs[HeaderDigest.key] = HeaderDigest.hexDigest(
      metadata: pairs, tensors: tensors.map { ($0.name, $0.type.rawValue, $0.shape) })
    let texts = pairs.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }
    var members = ["\"__metadata__\":{\(texts.joined(separator: ","))}"]
    var offset = 0
    for tensor in tensors {
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      let end = offset + tensor.byteCount
      members.append(
        "\(Self.quoted(tensor.name)):"
          + "{\"dtype\":\"\(tensor.type.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
      )
      offset = end
    }
    var json = Array("{\(members.joined(separator: ","))}".utf8)
    json.append(contentsOf: repeatElement(UInt8(ascii: " "), count: -json.count & 7))
    return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
  }

  /// A JSON string; only what JSON demands is escaped.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\0"..<" ":
        result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// A tensor of any element type that waits to be written.
private protocol StoredTensor: Sendable {
  var name: String { get }
  var type: TensorType { get }
  var shape: [Int] { get }
  var byteCount: Int { get }
  func withUnsafeBytes<Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure)
}

private struct StoredArray<Element: BitwiseCopyable & Sendable>: StoredTensor {
  let name: String
  let type: TensorType
  let shape: [Int]
  let elements: [Element]

  var byteCount: Int { elements.count * type.byteCount }

  func withUnsafeBytes<Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    try elements.withUnsafeBufferPointer { (buffer) throws(Failure) in
      try body(UnsafeRawBufferPointer(buffer))
    }
  }
}
