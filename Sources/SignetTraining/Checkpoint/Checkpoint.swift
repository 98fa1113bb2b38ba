// SPDX-License-Identifier: Apache-2.0

package import Signet

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A training run between two steps, as a safetensors file: what it needs to go on with the same bits.
///
/// Tensors are `parameter.NAME`, Adam's `first.NAME` and `second.NAME`, and `statistic.NAME`; the configuration and the progress
/// are JSON in the metadata. Nothing in it depends on time or machine.
package struct Checkpoint {
  package static let format = "signet.checkpoint"
  package static let formatVersion = 1
  /// What to do about a damaged file; training alone makes a new one.
  package static let remedy =
    "the file is damaged or foreign: restore a copy of it, or use another checkpoint"

  package let trainer: Trainer

  package init(_ trainer: Trainer) {
    self.trainer = trainer
  }

  private struct Progress: Codable {
    var epoch: Int
    /// Of the epoch that is not done; left out at the end of one.
    var partial: EpochProgress?
    var step: Int
    var schedule: Schedule
  }

  /// The file's bytes.
  package func encoded() throws -> [UInt8] { try writer().encoded() }

  /// Writes the file, whole or not at all, without assembling it in memory.
  package func write(to path: String) throws { try writer().write(to: path) }

  private func writer() throws -> TensorArchiveWriter {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    func text<T: Encodable>(_ value: T) throws -> String {
      String(decoding: try encoder.encode(value), as: UTF8.self)
    }
    var writer = TensorArchiveWriter(metadata: [
      "format": Self.format,
      "format_version": String(Self.formatVersion),
      "configuration": try text(trainer.configuration),
      "progress": try text(
        Progress(
          epoch: trainer.epoch, partial: trainer.progress.steps > 0 ? trainer.progress : nil,
          step: trainer.step, schedule: trainer.schedule)),
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
    return writer
  }

  /// Loads a file.
  /// - Throws: ``ModelFormatError`` if it is damaged, foreign or of a newer version.
  package init(path: String) throws {
    try self.init(archive: TensorArchive(path: path, remedy: Self.remedy))
  }

  package init(bytes: [UInt8], path: String) throws {
    try self.init(archive: TensorArchive(bytes: bytes, path: path, remedy: Self.remedy))
  }

  private init(archive: TensorArchive) throws {
    let file = try TypedArchive(
      archive, format: Self.format, newestVersion: Self.formatVersion, advice: "use another checkpoint",
      notThisFormat: archive.metadata["format"] == "signet.compact"
        ? "this is a compact model, which can't be trained or exported; give the run's checkpoint.safetensors"
        : "this safetensors file is not a checkpoint of Signet; give a run's checkpoint.safetensors")
    let configuration = try file.decoded("configuration", as: RunConfiguration.self)
    let progress = try file.decoded("progress", as: Progress.self)
    var network: Sequential
    do {
      // Each weight is stored three times; a file that is too short for them is refused before memory is taken.
      guard try configuration.validated().layout().weights <= archive.fileSize / 12 else {
        throw file.failure(
          .badShape, "the network of its configuration has more weights than the file"
        )
      }
      network = try configuration.initialNetwork()
    } catch let error as NetworkError {
      throw file.failure(.badMetadata, "the network does not fit together: \(error)")
    } catch let error as TrainingError {
      throw file.failure(.badMetadata, "the method does not fit together: \(error)")
    }
    let counts = [
      progress.epoch, progress.step, progress.schedule.totalSteps, progress.schedule.halvings,
    ]
    let partial = progress.partial ?? EpochProgress()
    guard counts.allSatisfy((0...RunConfiguration.largestCount).contains), partial.isPossible else {
      throw file.failure(.badMetadata, "its epoch, step or schedule is out of range")
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
        throw file.failure(
          .badShape, "tensor “statistic.\(name)” has \(stored.count) values instead of \(values.count)")
      }
      values = stored
    }
    trainer = Trainer(
      configuration, network: network, schedule: progress.schedule, epoch: progress.epoch, progress: partial,
      step: progress.step)
  }
}

extension AlignedBuffer where Element == Float {
  /// Overwrites all elements; the counts must be equal.
  package func assign(_ values: [Float]) {
    precondition(values.count == count, "\(values.count) values for a buffer of \(count)")
    for (index, value) in values.enumerated() { pointer[index] = value }
  }
}
