// SPDX-License-Identifier: Apache-2.0

extension TensorArchive {
  /// The elements of an F32 tensor.
  ///
  /// This and its siblings throw ``ModelFormatError`` with code `missingTensor`, `wrongType`, or `badShape` if `shape`
  /// is given and the tensor has another one; the message names what was expected and what was found.
  package func floats(_ name: String, shape: [Int]? = nil) throws(ModelFormatError) -> [Float] {
    try values(name, .float32, shape)
  }

  /// The elements of a U32 tensor, the type of packed bits; see ``floats(_:shape:)``.
  package func words(_ name: String, shape: [Int]? = nil) throws(ModelFormatError) -> [UInt32] {
    try values(name, .uint32, shape)
  }

  /// The elements of an I16 tensor; see ``floats(_:shape:)``.
  package func int16s(_ name: String, shape: [Int]? = nil) throws(ModelFormatError) -> [Int16] {
    try values(name, .int16, shape)
  }

  /// The elements of an I32 tensor; see ``floats(_:shape:)``.
  package func int32s(_ name: String, shape: [Int]? = nil) throws(ModelFormatError) -> [Int32] {
    try values(name, .int32, shape)
  }

  /// The elements of an I64 tensor; see ``floats(_:shape:)``.
  package func int64s(_ name: String, shape: [Int]? = nil) throws(ModelFormatError) -> [Int64] {
    try values(name, .int64, shape)
  }

  /// The elements of a U8 tensor; see ``floats(_:shape:)``.
  package func bytes(_ name: String, shape: [Int]? = nil) throws(ModelFormatError) -> [UInt8] {
    try values(name, .uint8, shape)
  }

  /// The elements of an I8 tensor; see ``floats(_:shape:)``.
  package func int8s(_ name: String, shape: [Int]? = nil) throws(ModelFormatError) -> [Int8] {
    try values(name, .int8, shape)
  }

  /// A tensor that must be there with this type, and with this shape if one is given.
  package func entry(
    _ name: String, _ type: TensorType, shape: [Int]? = nil
  ) throws(ModelFormatError) -> Entry {
    guard let entry = tensors[name] else {
      let names = tensors.keys.sorted()
      let listed = names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
      throw ModelFormatError(
        .missingTensor,
        "tensor '\(name)' is missing among \(names.count) (\(listed)); \(remedy)", path: path)
    }
    let place = headerSize + entry.byteRange.lowerBound
    guard entry.type == type else {
      throw ModelFormatError(
        .wrongType,
        "tensor '\(name)' has type \(entry.type.rawValue), expected \(type.rawValue); \(remedy)",
        path: path, byteOffset: place)
    }
    if let shape, entry.shape != shape {
      throw ModelFormatError(
        .badShape, "tensor '\(name)' has shape \(entry.shape), expected \(shape); \(remedy)",
        path: path, byteOffset: place)
    }
    return entry
  }

  private func values<Element: BitwiseCopyable>(
    _ name: String, _ type: TensorType, _ shape: [Int]?
  ) throws(ModelFormatError) -> [Element] {
    let entry = try entry(name, type, shape: shape)
    let count = entry.byteRange.count / type.byteCount
    return withUnsafeBytes(of: entry) { source in
      [Element](unsafeUninitializedCapacity: count) { elements, initialized in
        UnsafeMutableRawBufferPointer(elements).copyMemory(from: source)
        initialized = count
      }
    }
  }
}
