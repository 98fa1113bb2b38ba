// SPDX-License-Identifier: Apache-2.0

import Signet

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// One valid compact model as loose parts, so that a test can spoil any of them and put the file together again.
struct CompactModelSample {
  /// A tensor's type, shape and bytes.
  struct Tensor {
    var type: TensorType
    var shape: [Int]
    var bytes: [UInt8]
  }

  var metadata: [String: String] = [:]
  var tensors: [String: Tensor] = [:]

  /// Two binary layers and a dense one, with every kind of operator that a trained model has.
  static func sample() throws -> CompactModelSample {
    var maker = ModelMaker(seed: 77, height: 6, width: 6, channels: 2)
    maker.convolution(6, kernel: (3, 3), padding: (1, 1), groups: 2)  // 0.conv
    maker.prelu()  // 1.prelu
    maker.affine()  // 2.norm
    maker.binarize(planes: [2, 1], exponent: 1)  // 3.sign
    maker.binaryConvolution(8, kernel: (3, 3), padding: (1, 1), groups: 2)  // 4.binary
    maker.relu()  // 5.relu
    maker.maxPool(kernel: (3, 3), stride: (2, 2), codes: false)  // 6.pool
    maker.affine()  // 7.norm
    maker.binarize()  // 8.sign
    maker.binaryConvolution(5, kernel: (2, 2), padding: (1, 1))  // 9.binary
    maker.threshold()  // 10.threshold
    maker.maxPool(kernel: (2, 2), stride: (2, 2), codes: true)  // 11.pool
    maker.binaryConvolution(4, kernel: (2, 2))  // 12.binary
    maker.averagePool()  // 13.mean
    maker.scale(0.25)  // 14.scale
    return try CompactModelSample(archive: TensorArchive(bytes: maker.builder.encoded()))
  }

  /// A first layer on bytes with thresholds, and a binary one.
  static func pixelSample() throws -> CompactModelSample {
    var maker = ModelMaker(seed: 78, height: 6, width: 6, channels: 2, zero: [128, 3])
    maker.pixelConvolution(6, kernel: (3, 3), padding: (1, 1), groups: 2)  // 0.pixels
    maker.threshold(spread: 20000)  // 1.threshold
    maker.maxPool(kernel: (2, 2), stride: (2, 2), codes: true)  // 2.pool
    maker.binaryConvolution(4, kernel: (3, 3))  // 3.binary
    maker.averagePool()  // 4.mean
    return try CompactModelSample(archive: TensorArchive(bytes: maker.builder.encoded()))
  }

  /// One-bit weights on reals, unipolar planes, and factors of channels: what needs format version 2.
  static func versionTwoSample() throws -> CompactModelSample {
    var maker = ModelMaker(seed: 79, height: 6, width: 6, channels: 2)
    maker.convolution(6, kernel: (3, 3), padding: (1, 1))  // 0.conv
    maker.relu()  // 1.relu
    maker.binaryWeightConvolution(7, kernel: (3, 3), padding: (1, 1))  // 2.signs
    maker.affine()  // 3.norm
    maker.binarize(planes: [2, 1], exponent: 1, unipolar: true)  // 4.sign
    maker.binaryConvolution(8, kernel: (3, 3), padding: (1, 1))  // 5.binary
    maker.channelScale()  // 6.scales
    maker.affine()  // 7.norm
    maker.binarize(unipolar: true)  // 8.sign
    maker.binaryConvolution(5, kernel: (2, 2), padding: (1, 1))  // 9.binary
    maker.threshold(unipolar: true)  // 10.threshold
    maker.maxPool(kernel: (2, 2), stride: (2, 2), codes: true)  // 11.pool
    maker.binaryConvolution(4, kernel: (2, 2))  // 12.binary
    maker.averagePool()  // 13.mean
    return try CompactModelSample(archive: TensorArchive(bytes: maker.builder.encoded()))
  }

  private init(archive: TensorArchive) {
    metadata = archive.metadata
    tensors = archive.tensors.mapValues { entry in
      archive.withUnsafeBytes(of: entry) {
        Tensor(type: entry.type, shape: entry.shape, bytes: Array($0))
      }
    }
  }

  /// The operators, to be edited.
  var operators: [Operator] {
    get throws {
      try JSONDecoder().decode([Operator].self, from: Data(metadata["operators", default: ""].utf8))
    }
  }

  mutating func setOperators(_ operators: [Operator]) throws {
    metadata["operators"] = String(decoding: try JSONEncoder().encode(operators), as: UTF8.self)
  }

  /// A valid safetensors file of the parts, with the right checksum; `sha256` in the metadata is used if it is there.
  func encoded(withChecksum: Bool = true) -> [UInt8] {
    var data: [UInt8] = []
    var members: [String] = []
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      members.append(
        """
        \(Self.quoted(name)):{"dtype":"\(tensor.type.rawValue)","shape":[\(shape)],\
        "data_offsets":[\(data.count),\(data.count + tensor.bytes.count)]}
        """)
      data += tensor.bytes
    }
    var metadata = metadata
    metadata["sha256"] = withChecksum ? data.withUnsafeBytes { SHA256.hexDigest(of: $0) } : nil
    metadata[HeaderDigest.key] = HeaderDigest.hexDigest(
      metadata: metadata, tensors: tensors.map { ($0.key, $0.value.type.rawValue, $0.value.shape) })
    let pairs = metadata.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }
    members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    return SafetensorsSamples.file(json: "{\(members.joined(separator: ","))}", data: data)
  }

  private static func quoted(_ text: String) -> String {
    let escaped = text.unicodeScalars.map { scalar in
      switch scalar {
      case "\"", "\\": "\\\(scalar)"
      case "\0"..<" ": "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: String(scalar)
      }
    }
    return "\"\(escaped.joined())\""
  }

  /// The error that loading gives, or nil.
  func failure(withChecksum: Bool = true) -> ModelFormatError? {
    do {
      _ = try CompactModel(bytes: encoded(withChecksum: withChecksum), path: "sample.signet")
      return nil
    } catch {
      return error as? ModelFormatError
        ?? ModelFormatError(ModelFormatError.Code(rawValue: "foreign"), "\(error)")
    }
  }
}
