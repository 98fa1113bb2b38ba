// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetData
import SignetTraining

/// The parsers that read files from outside.
enum FuzzParser: String, CaseIterable {
  case safetensors
  case compactModel = "compact-model"
  case checkpoint
  case idx
  case cifar
  case jpeg
  case png
  case imageIndex = "image-index"
  case network

  /// What came of an input that did no harm.
  enum Outcome {
    case read
    case refused
  }

  /// Its share of all inputs; slow parsers get few.
  var share: Double {
    switch self {
    case .safetensors: 0.3
    case .compactModel, .idx, .jpeg: 0.15
    case .png: 0.1
    case .cifar: 0.08
    case .imageIndex: 0.047
    case .checkpoint: 0.02
    case .network: 0.003
    }
  }

  /// The address space that a process which does nothing but parse may have, in bytes: the program, its threads, and what
  /// inputs of this size may need.
  var memoryLimit: Int { 4 << 30 }

  /// The most bytes of an input.
  var inputLimit: Int { 1 << 16 }

  /// Parses an input; an error of the project's own kind is what damaged files should give.
  func outcome(of bytes: [UInt8], in place: FuzzPlace) throws -> Outcome {
    do {
      try parse(bytes, in: place)
      return .read
    } catch let error as DataError {
      // The system is in order: what it refuses, the input has asked for.
      if error.code == .systemFailure { throw FuzzPlace.Failure(description: "\(error)") }
      return try refusal(error)
    } catch let error as ModelFormatError {
      return try refusal(error)
    } catch is FuzzPlace.Refusal {
      return .refused
    }
  }

  /// An input that exhausts the memory is not refused, whatever the error's kind.
  private func refusal(_ error: any Error) throws -> Outcome {
    let text = "\(error)".lowercased()
    let exhausted = ["no memory", "out of memory", "insufficient memory", "cannot allocate memory"]
    guard !exhausted.contains(where: text.contains) else {
      throw FuzzPlace.Failure(description: "\(error)")
    }
    return .refused
  }

  private func parse(_ bytes: [UInt8], in place: FuzzPlace) throws {
    switch self {
    case .safetensors:
      let archive = try TensorArchive(bytes: bytes, path: "input")
      for entry in archive.entriesInFileOrder where entry.type == .float32 {
        _ = try archive.floats(entry.name)
      }
    case .compactModel:
      let model = try CompactModel(bytes: bytes, path: "input")
      try place.predict(with: model)
    case .checkpoint:
      _ = try Checkpoint(bytes: bytes, path: "input").trainer.compactModel()
    case .idx:
      _ = try IDX.read(path: place.write(bytes, as: "input"))
    case .cifar:
      _ = try place.write(bytes, as: "cifar/test_batch.bin")
      _ = try DataSpec(parsing: "cifar10:\(place.folder)/cifar").open(split: .test)
    case .jpeg, .png:
      try place.readImage(bytes)
    case .imageIndex:
      guard let index = ImageIndex(bytes, folder: "x") else { throw FuzzPlace.Refusal() }
      for image in 0..<index.count { _ = (index.path(at: image), index.fileBytes(at: image)) }
    case .network:
      try place.inspect(place.write(bytes, as: "network.yaml"))
    }
  }
}
