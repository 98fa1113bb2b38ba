// SPDX-License-Identifier: Apache-2.0

package import Signet

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A training run at the end of an epoch, as a safetensors file: what it needs to go on with the same bits.
///
/// Tensors are `parameter.NAME`, Adam's `first.NAME` and `second.NAME`, and `statistic.NAME`; the configuration and the progress
/// are JSON in the metadata. Nothing in it depends on time or machine.
package struct Checkpoint {
  package static let format = "signet.checkpoint"
  package static let formatVersion = 1

  package let trainer: Trainer

  package init(_ trainer: Trainer) {
    self.trainer = trainer
  }

  private struct Progress: Codable {
    var epoch: Int
    var step: Int
    var schedule: Schedule
  }

  /// The file's bytes.
  package func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    func text<T: Encodable>(_ value: T) throws -> String {
      String(decoding: try encoder.encode(value), as: UTF8.self)
    }
    var writer = TensorArchiveWriter(metadata: [
      "format": Self.format,
      "format_version": String(Self.formatVersion),
      "configuration": try text(trainer.configuration),
      "progress": try text(Progress(epoch: trainer.epoch, step: trainer.step, schedule: trainer.schedule)),
    ])
    var network = trainer.network
    network.forEachParameter { name, parameter in
      writer.add("parameter.\(name)", shape: parameter.shape, floats: parameter.value.array)
      writer.add("first.\(name)", shape: parameter.shape, floats: parameter.first.array)
      writer.add("second.\(name)", shape: parameter.shape, floats: parameter.second.array)
    }
    network.forEachStatistic { name, values in
      writer.add("statistic.\(name)", shape: [values.count], floats: values)
    }
    return writer.encoded()
  }

  /// Loads a file.
  /// - Throws: ``ModelFormatError`` if it is damaged, foreign or of a newer version.
  package init(path: String) throws {
    try self.init(archive: TensorArchive(path: path))
  }

  package init(bytes: [UInt8], path: String) throws {
    try self.init(archive: TensorArchive(bytes: bytes, path: path))
  }

  private init(archive: TensorArchive) throws {
    func failure(_ code: ModelFormatError.Code, _ text: String) -> ModelFormatError {
      ModelFormatError(code, text, path: archive.path)
    }
    let format = archive.metadata["format"]
    guard format == Self.format else {
      throw failure(
        .unsupported,
        format == "signet.compact"
          ? "this is a compact model, which can't be trained or exported; give the run's checkpoint.safetensors"
          : "this safetensors file is not a checkpoint of Signet; give a run's checkpoint.safetensors")
    }
    guard let version = archive.metadata["format_version"].flatMap(Int.init), version >= 1 else {
      throw failure(.badMetadata, "the format version is missing; use another checkpoint")
    }
    guard version <= Self.formatVersion else {
      throw failure(
        .unsupportedVersion,
        "the file has format version \(version), this build reads 1…\(Self.formatVersion); update Signet")
    }
    guard archive.metadata["sha256"] != nil else {
      throw failure(.badMetadata, "the checksum is missing; use another checkpoint")
    }
    func decoded<T: Decodable>(_ key: String, as type: T.Type) throws -> T {
      guard let text = archive.metadata[key] else {
        throw failure(.badMetadata, "metadata has no “\(key)”; use another checkpoint")
      }
      do {
        return try JSONDecoder().decode(type, from: Data(text.utf8))
      } catch {
        throw failure(.badMetadata, "metadata “\(key)” can't be read: \(error); use another checkpoint")
      }
    }
    let configuration = try decoded("configuration", as: RunConfiguration.self)
    let progress = try decoded("progress", as: Progress.self)
    var network: Sequential
    do {
      // Each weight is stored three times; a file that is too short for them is refused before memory is taken.
      guard try configuration.validated().layout().weights <= archive.fileSize / 12 else {
        throw failure(
          .badShape, "the network of its configuration has more weights than the file; use another checkpoint"
        )
      }
      network = try configuration.initialNetwork()
    } catch let error as NetworkError {
      throw failure(.badMetadata, "the network does not fit together: \(error); use another checkpoint")
    } catch let error as TrainingError {
      throw failure(.badMetadata, "the method does not fit together: \(error); use another checkpoint")
    }
    let counts = [
      progress.epoch, progress.step, progress.schedule.totalSteps, progress.schedule.halvings,
    ]
    guard counts.allSatisfy((0...RunConfiguration.largestCount).contains) else {
      throw failure(.badMetadata, "its epoch, step or schedule is out of range; use another checkpoint")
    }
    try network.forEachParameter { name, parameter in
      parameter.value.assign(try archive.floats("parameter.\(name)", shape: parameter.shape))
      parameter.first.assign(try archive.floats("first.\(name)", shape: parameter.shape))
      parameter.second.assign(try archive.floats("second.\(name)", shape: parameter.shape))
    }
    try network.forEachStatistic { name, values in
      // The running β are empty before the first batch.
      let stored = try archive.floats("statistic.\(name)")
      let planes = name.hasSuffix(".running_betas") ? configuration.method.binarizations : 0
      guard stored.count == values.count || stored.count == planes else {
        throw failure(
          .badShape, "tensor “statistic.\(name)” has \(stored.count) values instead of \(values.count)")
      }
      values = stored
    }
    trainer = Trainer(
      configuration, network: network, schedule: progress.schedule, epoch: progress.epoch, step: progress.step
    )
  }
}

extension AlignedBuffer where Element == Float {
  /// Overwrites all elements; the counts must be equal.
  package func assign(_ values: [Float]) {
    precondition(values.count == count, "\(values.count) values for a buffer of \(count)")
    for (index, value) in values.enumerated() { pointer[index] = value }
  }
}
