// SPDX-License-Identifier: Apache-2.0

/// The header of a safetensors file, every promise of it checked against the file's size.
///
/// The file is `N` as 8 little-endian bytes, `N` bytes of JSON, and the data. The JSON is one object: tensor names
/// with `dtype`, `shape` and `data_offsets`, and optionally `__metadata__` with strings.
/// - Source: https://github.com/huggingface/safetensors, section Format.
struct SafetensorsHeader {
  /// A longer header is refused; the format's own limit.
  static let largestLength = 100_000_000

  private(set) var metadata: [String: String] = [:]
  private(set) var tensors: [String: TensorArchive.Entry] = [:]
  /// Bytes before the data: 8 + N.
  let byteCount: Int

  /// Reads and checks the header of a whole file; throws with the byte offset of what is wrong.
  ///
  /// `remedy` says what to do about damage.
  init(file: UnsafeRawBufferPointer, remedy: String) throws(ModelFormatError) {
    byteCount = try Self.byteCount(file, remedy)
    let json = UnsafeRawBufferPointer(rebasing: file[8..<byteCount])
    var cursor = JSONCursor(json, origin: 8, remedy: remedy)
    var metadata: [String: String] = [:]
    var tensors: [String: TensorArchive.Entry] = [:]
    try cursor.object("the header") { (name, cursor) throws(ModelFormatError) in
      if name == "__metadata__" {
        metadata = try Self.metadata(&cursor)
      } else {
        tensors[name] = try Self.entry(name, &cursor)
      }
    }
    try cursor.end()
    try Self.checkCoverage(tensors.values, dataSize: file.count - byteCount, remedy)
    self.metadata = metadata
    self.tensors = tensors
  }

  /// 8 + N, if that much is there and looks like a header.
  private static func byteCount(
    _ file: UnsafeRawBufferPointer, _ remedy: String
  ) throws(ModelFormatError) -> Int {
    guard file.count >= 8 else {
      throw ModelFormatError(
        .truncated, "the file has \(counted(file.count, "byte")), too few for a header; \(remedy)",
        byteOffset: file.count)
    }
    let length = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
    let foreign = "it is not a safetensors file; give a .signet or .safetensors file"
    guard length <= UInt64(largestLength), file.count == 8 || file[8] == UInt8(ascii: "{") else {
      throw ModelFormatError(.notSafetensors, foreign, byteOffset: length > largestLength ? 0 : 8)
    }
    guard length >= 2 else {
      throw ModelFormatError(
        .badHeader, "a header of \(counted(Int(length), "byte")) can't hold a JSON object; \(remedy)",
        byteOffset: 0)
    }
    guard Int(length) <= file.count - 8 else {
      throw ModelFormatError(
        .truncated,
        "the header should have \(counted(Int(length), "byte")), but the file has only \(file.count - 8) more; \(remedy)",
        byteOffset: file.count)
    }
    return 8 + Int(length)
  }

  private static func metadata(_ cursor: inout JSONCursor) throws(ModelFormatError) -> [String: String] {
    var metadata: [String: String] = [:]
    try cursor.object("__metadata__") { (key, cursor) throws(ModelFormatError) in
      guard cursor.isAtString() else {
        throw cursor.malformed("metadata '\(key)' is not a string", .badMetadata)
      }
      metadata[key] = try cursor.string("metadata '\(key)'")
    }
    return metadata
  }

  private static func entry(
    _ name: String, _ cursor: inout JSONCursor
  ) throws(ModelFormatError) -> TensorArchive.Entry {
    let what = "tensor '\(name)'"
    var type: TensorType?
    var shape: [Int]?
    var offsets: [Int]?
    let start = cursor.byteOffset
    try cursor.object(what) { (key, cursor) throws(ModelFormatError) in
      switch key {
      case "dtype": type = try Self.type(what, &cursor)
      case "shape": shape = try cursor.naturals("the shape of \(what)", .badShape)
      case "data_offsets": offsets = try cursor.naturals("data_offsets of \(what)", .badOffsets)
      default: throw cursor.malformed("\(what) has the key '\(key)', which the format doesn't know")
      }
    }
    guard let type, let shape, let offsets else {
      throw cursor.malformed("\(what) lacks dtype, shape or data_offsets", at: start)
    }
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw cursor.malformed("data_offsets of \(what) are not a start and an end", .badOffsets, at: start)
    }
    let range = offsets[0]..<offsets[1]
    var size = type.byteCount
    for extent in shape {
      let (product, overflow) = size.multipliedReportingOverflow(by: extent)
      guard !overflow else {
        throw cursor.malformed("the shape \(shape) of \(what) is too large", .badShape, at: start)
      }
      size = product
    }
    guard size == range.count else {
      throw cursor.malformed(
        "\(what) of type \(type.rawValue) and shape \(shape) needs \(counted(size, "byte")) but has \(range.count)",
        .badShape, at: start)
    }
    return TensorArchive.Entry(name: name, type: type, shape: shape, byteRange: range)
  }

  private static func type(
    _ what: String, _ cursor: inout JSONCursor
  ) throws(ModelFormatError) -> TensorType {
    let start = cursor.byteOffset
    let name = try cursor.string("dtype of \(what)")
    guard let type = TensorType(rawValue: name) else {
      let known = TensorType.allCases.map(\.rawValue).joined(separator: ", ")
      throw ModelFormatError(
        .unsupported, "\(what) has the type '\(name)'; store it as one of \(known)", byteOffset: start)
    }
    return type
  }

  /// Checks that the tensors' bytes follow each other from the data's first byte to its last.
  private static func checkCoverage(
    _ tensors: some Sequence<TensorArchive.Entry>, dataSize: Int, _ remedy: String
  ) throws(ModelFormatError) {
    // Names decide between empty tensors at the same place, so that the same file gives the same message.
    let ordered = tensors.sorted {
      ($0.byteRange.lowerBound, $0.byteRange.upperBound, $0.name)
        < ($1.byteRange.lowerBound, $1.byteRange.upperBound, $1.name)
    }
    var end = 0
    for tensor in ordered {
      let start = tensor.byteRange.lowerBound
      guard start == end else {
        let problem =
          start < end
          ? "overlaps the tensor before it" : "leaves \(counted(start - end, "unused byte")) before it"
        throw ModelFormatError(
          .badOffsets, "tensor '\(tensor.name)' at data_offsets \(start) \(problem); \(remedy)")
      }
      end = tensor.byteRange.upperBound
    }
    guard end <= dataSize else {
      throw ModelFormatError(
        .truncated,
        "the tensors need \(counted(end, "byte")) of data, but the file has \(dataSize); \(remedy)"
      )
    }
    guard end == dataSize else {
      throw ModelFormatError(
        .badOffsets,
        "the file goes on with \(counted(dataSize - end, "byte")) after the last tensor; \(remedy)")
    }
  }
}
